// A server with files over a given database and a folder of its own, for tests of everything that is kept in files.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import type { Database } from '../../src/database/connect.ts'
import { type OpenFiles, openFiles } from '../../src/features/files/open.ts'
import type { Model } from '../../src/wire/model.ts'
import { silentLog } from './engine.ts'
import { type RunningServer, startServer, testKey } from './server.ts'

/** A running server, its files, and where they lie. */
export interface FilesServer extends RunningServer, OpenFiles {
  readonly home: string
}

/** What a test may choose. */
export interface FilesServerOptions {
  readonly models?: readonly Model[]
  readonly clock?: Clock
  readonly fileLimit?: number
  readonly uploadLimit?: number
  readonly bodyLimit?: number
  readonly fileStore?: string
}

/** Starts a server with files. */
export async function startFilesServer(database: Database, options: FilesServerOptions = {}): Promise<FilesServer> {
  const { models = [], clock = systemClock, uploadLimit = 2 ** 33, bodyLimit = 2 ** 25, fileStore, ...config } = options
  const home = await mkdtemp(join(tmpdir(), 'galerne-files-'))
  const environment = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' }
  const place = { home, uploadLimit, bodyLimit, ...(fileStore !== undefined && { fileStore }) }
  const open = await openFiles({ config: place, database, environment, clock, log: silentLog })
  const server = await startServer(models, { bodyLimit, ...config, parts: { files: open, clock } })
  return {
    ...server,
    ...open,
    home,
    async stop() {
      await server.stop()
      await open.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** Uploads as a form, fields in the order given; a value that is an array is the file: its name and what it holds. */
export async function upload(
  { url }: Pick<RunningServer, 'url'>,
  fields: Readonly<Record<string, string | readonly [name: string, content: string | Uint8Array<ArrayBuffer>]>>,
  options: { readonly path?: string; readonly key?: string } = {},
) {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string') form.append(name, value)
    else form.append(name, new Blob([value[1]]), value[0])
  }
  const response = await fetch(`${url}${options.path ?? '/v1/files'}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${options.key ?? testKey}` },
    body: form,
  })
  // biome-ignore lint/suspicious/noExplicitAny: tests walk bodies of every shape, and a wrong step fails the test.
  return { status: response.status, body: (await response.json()) as any }
}
