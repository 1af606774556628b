// What the command line asks of a server's batches: uploads a file in parts, makes a batch of it, follows it, fetches what came of it.
import { createWriteStream } from 'node:fs'
import { access, constants, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Static } from 'typebox'
import { Failure, fail } from '../base/errors.ts'
import type { BatchObject } from '../wire/batches.ts'
import { type Connection, Refusal } from './connection.ts'

/** A batch as the server tells it. */
export type Batch = Static<typeof BatchObject>

const partBytes = 16 * 1024 * 1024

/** Uploads a file for a batch; gives its id. */
export async function uploadInput(connection: Connection, path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const upload = { filename: 'batch.jsonl', purpose: 'batch', bytes: size, mime_type: 'application/jsonl' }
    const { id } = await post<{ id: string }>(connection, '/v1/uploads', upload)
    const parts: string[] = []
    for (let start = 0; start < size; start += partBytes) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(partBytes, size - start)), 0, null, start)
      parts.push(await addPart(connection, id, buffer.subarray(0, bytesRead)))
    }
    const done = await post<{ file: { id: string } }>(connection, `/v1/uploads/${id}/complete`, { part_ids: parts })
    return done.file.id
  } finally {
    await file.close()
  }
}

const boundary = 'galerne-part-7c1f4d0e9b'

async function addPart(connection: Connection, upload: string, data: Buffer): Promise<string> {
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="data"; filename="part"\r\ncontent-type: application/octet-stream\r\n\r\n`
  const answer = await connection.send(`/v1/uploads/${upload}/parts`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(head), data, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  })
  return ((await answer.json()) as { id: string }).id
}

/** Makes a batch of an uploaded file. */
export function createBatch(
  connection: Connection,
  batch: { readonly input_file_id: string; readonly endpoint: string; readonly completion_window: string },
): Promise<Batch> {
  return post(connection, '/v1/batches', batch)
}

/** A batch as it stands. */
export async function readBatch(connection: Connection, id: string): Promise<Batch> {
  return (await (await connection.send(`/v1/batches/${encodeURIComponent(id)}`)).json()) as Batch
}

/** The newest batches. */
export async function listBatches(connection: Connection, limit: number): Promise<readonly Batch[]> {
  return ((await (await connection.send(`/v1/batches?limit=${limit}`)).json()) as { data: Batch[] }).data
}

/** Asks for the end of a batch. */
export async function cancelBatch(connection: Connection, id: string): Promise<Batch> {
  return post(connection, `/v1/batches/${encodeURIComponent(id)}/cancel`)
}

/** Whether nothing will happen to it any more. */
export function hasEnded({ status }: Batch): boolean {
  return status === 'completed' || status === 'failed' || status === 'expired' || status === 'cancelled'
}

/** Whether a batch can be asked for again: the server restarts, or its database is away. */
export function isAway(error: unknown): boolean {
  if (error instanceof Refusal) return error.status >= 500 || error.status === 429
  return error instanceof Failure && (error.code === 'server_not_running' || error.code === 'egress_failed')
}

/** Throws `invalid_value` for `param` where no file could be written: better now than when all is done. */
export async function checkWritable(path: string, param: string): Promise<void> {
  const wrong = (reason: string) => fail('invalid_value', { param, reason })
  const facts = await stat(path).catch(() => undefined)
  if (facts?.isDirectory() === true) throw wrong(`${path} is a folder`)
  const target = facts === undefined ? dirname(path) : path
  await access(target, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw wrong(error.code === 'ENOENT' ? `there is no folder ${target}` : `${target} cannot be written to`)
  })
}

/** Writes what a file holds to `path`, which has its name when all of it is there. */
export async function download(connection: Connection, fileId: string, path: string): Promise<void> {
  const request = { maxBytes: Number.MAX_SAFE_INTEGER }
  const { body } = await connection.send(`/v1/files/${encodeURIComponent(fileId)}/content`, request)
  const there = await stat(path).catch(() => undefined)
  // A pipe or a device is written to as it is.
  const isPlain = there === undefined || there.isFile()
  const partial = isPlain ? `${path}.partial` : path
  try {
    await pipeline(Readable.from(body), createWriteStream(partial))
    if (isPlain) await rename(partial, path)
  } catch (error) {
    if (isPlain) await rm(partial, { force: true })
    throw error
  }
}

async function post<Answer>(connection: Connection, path: string, body?: object): Promise<Answer> {
  const text = JSON.stringify(body ?? {})
  return (await (await connection.send(path, { method: 'POST', body: text })).json()) as Answer
}
