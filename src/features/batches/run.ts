// One batch from its first line to its last: reads it, feeds its lines to idle streams, ends it. Starts over at any point after a crash.
import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '../../database/connect.ts'
import { clear, finishBatch } from './finish.ts'
import type { LineRow } from './lines.ts'
import { isOutage, throughOutage } from './outage.ts'
import { type LineParts, type PaidBatch, runLine } from './run-line.ts'
import { type BatchRow, type BatchStore, hasEnded, openStatuses } from './store.ts'
import { validateBatch } from './validate.ts'
import { isWelcome, payerOf } from './welcome.ts'

/** What running needs. */
export interface RunParts extends LineParts {
  readonly database: Pick<Database, 'query'>
  readonly store: BatchStore
  /** Milliseconds that lines may go on after the worker was told to stop. */
  readonly graceMs: number
}

/** A wish to end a batch early, told to whoever works on it in this process. */
export interface Interest {
  /** Calls back when the batch was cancelled here; gives the function that ends the interest. */
  onCancel(batch: string, call: () => void): () => void
}

// Other processes cancel through the table.
const watchMs = 1_000
/** Lines in hand, so that a stream that ends never waits for the database. */
const readAhead = 64
/** Lines that a model has besides those it runs, as the waiting line admits them (DESIGN §2). */
const readyBehind = 2

/** Works on a batch until it has ended. Rejects with the signal's reason when it aborts; the batch is then where it was. */
export async function runBatch(id: string, parts: RunParts, interest: Interest, signal: AbortSignal): Promise<void> {
  const { store } = parts
  let batch = await store.read(id)
  if (batch === undefined) return
  // A process that died after the batch's end left its lines.
  if (hasEnded(batch)) return await clear(id, parts)
  if (!(await isWelcome(parts.database.query, batch))) {
    await cancelUnwelcome(batch, parts)
    batch = await store.read(id)
    if (batch === undefined) return
  }
  if (batch.status === 'validating') {
    if (await validate(batch, parts, signal)) return
    batch = await store.read(id)
    if (batch === undefined) return
  }
  if (batch.status === 'in_progress' && parts.clock.now() < batch.expires_at) {
    const payer = await payerOf(parts.database.query, batch)
    await work({ ...batch, ...(payer !== undefined && { payer }) }, parts, interest, signal)
  }
  signal.throwIfAborted()
  const now = await store.read(id)
  if (now !== undefined && !hasEnded(now)) await finishBatch(now, parts)
}

/** Reads the inputs; true when that was the end of it. */
async function validate(batch: BatchRow, parts: RunParts, signal: AbortSignal): Promise<boolean> {
  const { store, clock } = parts
  // A reader that died half-way left lines behind.
  while (await store.removeLines(batch.id));
  const read = await validateBatch(batch, parts, signal).catch((error: unknown) => {
    // An input that could not be read until the end of its time: the batch has expired unread.
    if (!isOutage(error) || clock.now() < batch.expires_at) throw error
  })
  if (read === undefined) return false
  const { total, faults } = read
  if (faults.length > 0) {
    await finishBatch(batch, parts, faults)
    return true
  }
  await store.update(batch.id, ['validating'], { status: 'in_progress', total, started_at: clock.now() })
  await store.update(batch.id, ['cancelling'], { total })
  return false
}

/** Feeds lines until none waits, or the batch is cancelled, over, or the signal aborts. */
async function work(batch: PaidBatch, parts: RunParts, interest: Interest, signal: AbortSignal): Promise<void> {
  const ending = new AbortController()
  const abort = () => ending.abort()
  const forget = interest.onCancel(batch.id, abort)
  const feeding = AbortSignal.any([signal, ending.signal])
  // Told to stop, lines that run may finish: what was computed is not thrown away.
  const lines = new AbortController()
  const giveUp = () => lines.abort(feeding.reason)
  signal.addEventListener('abort', () => setTimeout(giveUp, parts.graceMs).unref(), { once: true })
  ending.signal.addEventListener('abort', giveUp, { once: true })
  const watching = watch(batch, parts, ending)
  try {
    await feed(batch, parts, feeding, lines.signal)
  } finally {
    forget()
    ending.abort()
    await watching
  }
}

/** Nobody has work done any more who was sent away. What was answered until then stays. */
async function cancelUnwelcome(batch: BatchRow, { store, clock }: RunParts): Promise<void> {
  const open = openStatuses.filter((status) => status !== 'cancelling')
  await store.update(batch.id, open, { status: 'cancelling', cancelling_at: clock.now() })
}

/** Ends the work when the batch's time is over, its row says that it is cancelled, or who made it was sent away. */
async function watch(batch: BatchRow, parts: RunParts, ending: AbortController): Promise<void> {
  const { store, clock, database } = parts
  while (!ending.signal.aborted) {
    await delay(watchMs, undefined, { signal: ending.signal }).catch(() => {})
    if (clock.now() >= batch.expires_at) ending.abort()
    // A database that is away is the feeder's to notice.
    if (!(await isWelcome(database.query, batch).catch(() => true))) await cancelUnwelcome(batch, parts).catch(() => {})
    const now = await store.read(batch.id).catch(() => batch)
    if (now?.status !== 'in_progress') ending.abort()
  }
}

async function feed(batch: PaidBatch, parts: RunParts, feeding: AbortSignal, answering: AbortSignal): Promise<void> {
  const running = new Map<number, Promise<void>>()
  const perModel = new Map<string, number>()
  let held: LineRow[] = []
  let failure: unknown
  const count = (model: string, change: number) => perModel.set(model, (perModel.get(model) ?? 0) + change)
  const start = (line: LineRow) => {
    count(line.model, 1)
    const done = runLine(batch, line, parts, answering)
      .catch((error: unknown) => {
        failure ??= error
      })
      .finally(() => {
        running.delete(line.number)
        count(line.model, -1)
      })
    running.set(line.number, done)
  }
  const stopped = new Promise<void>((resolve) => {
    if (feeding.aborted) resolve()
    feeding.addEventListener('abort', () => resolve(), { once: true })
  })
  while (!feeding.aborted && failure === undefined) {
    if (held.length === 0) {
      const taken = new Set(running.keys())
      held = (await throughOutage(() => parts.lines.waiting(batch.id, taken, readAhead), feeding)) ?? []
    }
    for (let next = held[0]; next !== undefined && hasRoom(next, perModel, parts); next = held[0]) {
      held = held.slice(1)
      start(next)
    }
    if (running.size === 0) break
    await Promise.race([...running.values(), stopped])
  }
  await Promise.all(running.values())
  if (failure !== undefined) throw failure
}

/** Batch work keeps off one stream; a model that is gone answers at once, with its refusal. */
function hasRoom(line: LineRow, perModel: ReadonlyMap<string, number>, parts: RunParts): boolean {
  const running = perModel.get(line.model) ?? 0
  try {
    const { streams } = parts.registry.model(line.model, { version: line.model }).load()
    return running < Math.max(1, streams - 1) + readyBehind
  } catch {
    return running === 0
  }
}
