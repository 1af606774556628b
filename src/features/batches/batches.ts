// What can be done with batches: making, finding, cancelling, deleting them; and the worker that runs them in this process.
import { type Kysely, type SqlBool, sql } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import type { Tables } from '../../database/tables.ts'
import { createQueue, type Queue } from '../../queue/queue.ts'
import type { JobTables } from '../../queue/table.ts'
import { startWorker, type Worker } from '../../queue/worker.ts'
import type { Caller } from '../../wire/exchange.ts'
import type { Files } from '../files/files.ts'
import { ownerOf } from '../files/store.ts'
import type { Registry } from '../models/registry.ts'
import type { FillPrompt } from '../prompts/fill.ts'
import { answerFor } from './endpoints.ts'
import { clear, finishBatch } from './finish.ts'
import { lineStore } from './lines.ts'
import { throughOutage } from './outage.ts'
import { type RunParts, runBatch } from './run.ts'
import { type BatchRow, type BatchStore, batchStore, hasEnded, openStatuses } from './store.ts'

/** What is said of a new batch. */
export interface NewBatch
  extends Pick<BatchRow, 'dialect' | 'endpoint' | 'model' | 'completion_window' | 'output_expires_after'> {
  readonly metadata: Readonly<Record<string, string>> | null
  /** Milliseconds that it has. */
  readonly window: number
  /** Ids of files for batches, or the requests themselves as JSONL. */
  readonly input:
    | { readonly files: readonly string[]; readonly param: string }
    | { readonly requests: readonly object[] }
}

/** The batches of all workspaces. */
export interface Batches {
  readonly store: BatchStore
  create(caller: Caller, batch: NewBatch): Promise<BatchRow>
  /** Throws `not_found` for `param`. */
  get(caller: Caller, id: string, param: string): Promise<BatchRow>
  /** Ends a batch early; one that has ended stays as it is. */
  cancel(caller: Caller, id: string, param: string): Promise<BatchRow>
  /** Removes a batch; one that is worked on is cancelled first. Its files stay. */
  remove(caller: Caller, id: string, param: string): Promise<void>
  /** Takes up the work, once the models are there. */
  start(): void
  /** Stops working; running lines have the grace time. */
  stop(): Promise<void>
}

/** What batches are made of. */
export interface BatchParts {
  readonly database: Pick<Database, 'query' | 'dialect'>
  readonly files: Files
  readonly registry: Registry
  readonly clock: Clock
  readonly log: Log
  /** Fills prompts in that a line names; without it there are none. */
  readonly fillPrompt?: FillPrompt
  /** Resolves once the usage of all calls that have ended is durable. */
  readonly usageKept: () => Promise<void>
  /** Milliseconds that running lines may go on when the server stops. */
  readonly graceMs: number
  /** Milliseconds after which the batches of a process that died are taken over. */
  readonly leaseMs?: number
}

const kind = 'batch'
/** Batches worked on at once in this process, and those of one workspace: however many it has, the others' go on too. */
const atOnce = { all: 32, perWorkspace: 8 }
/** Short, for a batch that stands still is seen; three renewals fit into it. */
const usualLease = 10_000
/** A batch that takes a process down with it each time ends; lines that take down an engine have a count of their own. */
const mostAttempts = 200
const sweepMs = 60_000

/** Batches over the database, the files and the models. */
export function openBatches(parts: BatchParts): Batches {
  const { database, clock, log } = parts
  const store = batchStore(database)
  const jobs = database.query.$extendTables<JobTables>().$pickTables<'jobs'>()
  const queue = createQueue({ query: jobs, dialect: database.dialect, clock })
  const cancelled = new EventTarget()
  const onError = (error: unknown) => log.error({ error }, 'a batch met an error and is tried again')
  const run: RunParts = { ...parts, store, lines: lineStore(database), onError }
  const interest = {
    onCancel(batch: string, call: () => void) {
      cancelled.addEventListener(batch, call)
      return () => cancelled.removeEventListener(batch, call)
    },
  }
  const busy = watchWorkspaces(store)
  const work = () =>
    startWorker(queue, {
      kind,
      async handle(job, signal) {
        // However long the database or the file store is away: that uses up no attempt of the batch.
        const done = await throughOutage(() => busy.enter(job.subject), signal, onError)
        try {
          await throughOutage(() => runBatch(job.subject, run, interest, signal), signal, onError)
          signal.throwIfAborted()
        } finally {
          done?.()
        }
      },
      clock,
      onError,
      concurrency: atOnce.all,
      passOver: busy.passOver,
      leaseMs: parts.leaseMs ?? usualLease,
    })
  let worker: Worker | undefined
  let sweeper: NodeJS.Timeout | undefined
  const get = async (caller: Caller, id: string, param: string) => {
    const batch = await store.find(caller.workspace, id)
    if (batch === undefined) throw fail('not_found', { what: 'batch', id: id.slice(0, 100), param })
    return batch
  }
  const cancel = async (batch: BatchRow, change: Partial<BatchRow>) => {
    const now = clock.now()
    const open = openStatuses.filter((status) => status !== 'cancelling')
    await store.update(batch.id, open, { ...change, status: 'cancelling', cancelling_at: now })
    cancelled.dispatchEvent(new Event(batch.id))
  }
  return {
    store,
    get,
    async create(caller, batch) {
      const row = await createBatch(caller, batch, { ...parts, store, queue })
      worker?.wake()
      return row
    },
    async cancel(caller, id, param) {
      const batch = await get(caller, id, param)
      if (!hasEnded(batch)) await cancel(batch, {})
      return await get(caller, id, param)
    },
    async remove(caller, id, param) {
      const batch = await get(caller, id, param)
      if (hasEnded(batch)) await store.remove(id)
      else await cancel(batch, { deleted: 1 })
    },
    start() {
      worker ??= work()
      sweeper ??= setInterval(() => void sweep(run).catch(onError), sweepMs).unref()
    },
    async stop() {
      clearInterval(sweeper)
      await worker?.stop()
    },
  }
}

/** Counts the batches of each workspace that are worked on here; those of one that has enough are passed over. */
function watchWorkspaces(store: BatchStore) {
  const counts = new Map<string, number>()
  const count = (workspace: string, change: number) => counts.set(workspace, (counts.get(workspace) ?? 0) + change)
  return {
    /** A batch is begun; gives the function that tells of its end. */
    async enter(id: string): Promise<() => void> {
      const workspace = (await store.read(id))?.workspace
      if (workspace === undefined) return () => {}
      count(workspace, 1)
      return () => void count(workspace, -1)
    },
    passOver() {
      const full = [...counts].filter(([, running]) => running >= atOnce.perWorkspace).map(([workspace]) => workspace)
      if (full.length === 0) return undefined
      return sql<SqlBool>`jobs.subject in (select id from batches where workspace in (${sql.join(full)}))`
    },
  }
}

interface CreateParts extends BatchParts {
  readonly store: BatchStore
  readonly queue: Queue
}

async function createBatch(caller: Caller, batch: NewBatch, parts: CreateParts): Promise<BatchRow> {
  const { files, registry, store, queue } = parts
  answerFor(batch.endpoint)
  if (batch.model !== null) registry.card(batch.model, caller)
  let row = newRow(caller, batch, parts.clock)
  const insert = async (within: Kysely<Tables>, inputs: readonly string[]) => {
    const job = await queue.enqueue(kind, row.id, {
      maxAttempts: mostAttempts,
      within: within.$extendTables<JobTables>().$pickTables<'jobs'>(),
    })
    row = { ...row, job, inputs: JSON.stringify(inputs) }
    await store.insert(within, row)
  }
  if ('requests' in batch.input) {
    const text = batch.input.requests.map((request) => `${JSON.stringify(request)}\n`)
    const spooled = await files.spool(buffers(text), { bytes: Number.POSITIVE_INFINITY, setting: '' })
    await files.keepBytes(spooled, (within, content) => insert(within, [content]))
    return row
  }
  const { param, files: ids } = batch.input
  const inputs = await Promise.all(ids.map((id) => inputFile(files, caller, id, param)))
  await parts.database.query.transaction().execute(async (within) => {
    for (const { id, content } of inputs) {
      const use = within.updateTable('contents').set(({ eb }) => ({ uses: eb('uses', '+', 1) }))
      const { numUpdatedRows } = await use.where('key', '=', content).executeTakeFirstOrThrow()
      if (numUpdatedRows === 0n) throw fail('not_found', { what: 'file', id, param })
    }
    row = { ...row, input_files: JSON.stringify(ids) }
    await insert(
      within,
      inputs.map(({ content }) => content),
    )
  })
  return row
}

async function inputFile(files: Files, caller: Caller, id: string, param: string) {
  const file = await files.get(caller, id, param)
  if (file.purpose === 'batch' && file.source === 'upload') return file
  const reason = `the file's purpose is "${file.purpose}"; upload the input with the purpose "batch"`
  throw fail('invalid_value', { param, reason })
}

async function* buffers(texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text)
}

function newRow(caller: Caller, batch: NewBatch, clock: Clock): BatchRow {
  const now = clock.now()
  const { metadata, window, input: _, ...said } = batch
  return {
    ...said,
    id: newId('batch', clock),
    workspace: caller.workspace,
    owner: ownerOf(caller),
    key: caller.id,
    access: caller.models === undefined ? null : JSON.stringify(caller.models),
    status: 'validating',
    inputs: '[]',
    input_files: '[]',
    metadata: metadata === null ? null : JSON.stringify(metadata),
    errors: null,
    output_file: null,
    error_file: null,
    job: '',
    deleted: 0,
    total: 0,
    succeeded: 0,
    failed: 0,
    input_tokens: 0,
    cached_tokens: 0,
    output_tokens: 0,
    reasoning_tokens: 0,
    cost: 0,
    currency: null,
    created_at: now,
    expires_at: now + window,
    started_at: null,
    finalizing_at: null,
    cancelling_at: null,
    ended_at: null,
  }
}

/** Ends batches whose job was given up, and removes what ended batches left behind when a process died. */
export async function sweep(parts: RunParts): Promise<void> {
  const message = 'The server failed again and again while it worked on this batch. Its log says why.'
  for (const id of await parts.store.abandoned()) {
    const batch = await parts.store.read(id)
    if (batch === undefined) continue
    await finishBatch(batch, parts, [{ code: 'internal_error', message, param: null, line: null }])
  }
  for (const { id } of await parts.store.leftovers()) await clear(id, parts)
}
