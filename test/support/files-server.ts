// A server with files over a given database and a folder of its own, for tests of everything that is kept in files.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import type { Database } from '../../src/database/connect.ts'
import { type Batches, openBatches } from '../../src/features/batches/batches.ts'
import { type OpenFiles, openFiles } from '../../src/features/files/open.ts'
import type { Prompts } from '../../src/features/prompts/open.ts'
import type { Model } from '../../src/wire/model.ts'
import { silentLog } from './engine.ts'
import { type RunningServer, type ServerExtras, startServer, testKey } from './server.ts'

/** A running server, its files, and where they lie. */
export interface FilesServer extends RunningServer, OpenFiles {
  readonly batches: Batches
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
  readonly fileQuota?: number
  readonly batchFileLife?: number
  /** Stored prompts, for requests and for lines of batches. */
  readonly prompts?: Prompts
  /** As in BatchParts; the lease is far longer than any machine stands still. */
  readonly graceMs?: number
  readonly leaseMs?: number
  /** Opens aliases. */
  readonly routing?: ServerExtras['routing']
  /** A home that outlives the server; without it a new one that goes with it. */
  readonly home?: string
}

/** Starts a server with files. */
export async function startFilesServer(database: Database, options: FilesServerOptions = {}): Promise<FilesServer> {
  const { models = [], clock = systemClock, uploadLimit = 2 ** 33, bodyLimit = 2 ** 25, fileStore } = options
  const {
    fileLimit = 2 ** 29,
    graceMs = 0,
    leaseMs = 600_000,
    home: given,
    fileQuota,
    batchFileLife,
    prompts,
  } = options
  const config = { fileLimit }
  const home = given ?? (await mkdtemp(join(tmpdir(), 'galerne-files-')))
  const environment = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' }
  const place = {
    ...{ home, uploadLimit, bodyLimit },
    ...(fileStore !== undefined && { fileStore }),
    ...(fileQuota !== undefined && { fileQuota }),
    ...(batchFileLife !== undefined && { batchFileLife }),
  }
  const open = await openFiles({ config: place, database, environment, clock, log: silentLog })
  let batches: Batches | undefined
  const server = await startServer(models, {
    bodyLimit,
    ...config,
    ...(options.routing !== undefined && { routing: options.routing }),
    parts: (registry) => {
      batches = openBatches({
        database,
        files: open.files,
        registry,
        clock,
        log: silentLog,
        usageKept: async () => {},
        graceMs,
        leaseMs,
        ...(prompts !== undefined && { fillPrompt: prompts.fill }),
      })
      return { files: open, batches, clock, ...(prompts !== undefined && { prompts }) }
    },
  })
  if (batches === undefined) throw new Error('the server was made without batches')
  const made = batches
  made.start()
  return {
    ...server,
    batches: made,
    ...open,
    home,
    // A second stop finds nothing left to do, so tests may stop early and again in their clean-up.
    stop: once(async () => {
      await made.stop()
      await server.stop()
      await open.close()
      if (given === undefined) await rm(home, { recursive: true, force: true })
    }),
  }
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => (running ??= run())
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
