// Spans on their way to the database: written in batches, never slowing a request, and bounded. What finds no room is counted, not kept.
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { isRefusedForGood } from '../../database/dialect.ts'
import { type OwnedSpan, rowsOf } from './rows.ts'
import type { TraceStore } from './store.ts'

/** Where spans go. */
export interface TraceBuffer {
  /** Takes what this server recorded; where there is no room the span is shed and counted. Never waits, never throws. */
  offer(spans: readonly OwnedSpan[]): void
  /**
   * Takes what an application sent, and resolves when it is written. Throws `traces_busy` where there is no room for all of it, and
   * `invalid_value` where the database refuses it for good.
   */
  take(spans: readonly OwnedSpan[]): Promise<void>
  /** Resolves when what was taken until now is written. */
  settled(): Promise<void>
  counts(): BufferCounts
  /** Writes what waits, and takes no more. */
  close(): Promise<void>
}

/** How a buffer stands. */
export interface BufferCounts {
  /** Spans shed since the start, and when one was last: milliseconds since 1970. */
  readonly shed: number
  readonly shedAt: number | undefined
  /** Spans that wait now, and how many may. */
  readonly waiting: number
  readonly room: number
}

/** Bounds and pace. */
export interface BufferLimits {
  /** Spans that may wait. */
  readonly spans: number
  /** Spans written in one transaction. */
  readonly batch: number
  /** How long spans gather before they are written, in milliseconds: those of this server, and such as somebody waits for. */
  readonly gatherMs: number
  readonly awaitedMs: number
}

// A span is about 2 kB on its way: 40 MB at most. A batch stops this thread for as long as SQLite writes it: some milliseconds. A commit costs
// as much as forty rows, so what nobody waits for gathers longer.
const usual: BufferLimits = { spans: 20_000, batch: 250, gatherMs: 1_000, awaitedMs: 100 }

/** Pauses after a failed write, in milliseconds; the last one goes on. */
const pauses = [250, 500, 1_000, 2_000, 5_000]

interface Waiting {
  readonly spans: readonly OwnedSpan[]
  written(): void
  refused(): void
}

/** A buffer before the store. */
export function traceBuffer(
  store: Pick<TraceStore, 'append'>,
  options: { readonly clock: Clock; readonly log: Log; readonly limits?: BufferLimits },
): TraceBuffer {
  const { clock, log, limits = usual } = options
  const queue: Waiting[] = []
  let waiting = 0
  let shed = 0
  let shedAt: number | undefined
  let open = true
  let working: Promise<void> | undefined

  let gathering: Gathering | undefined

  const push = (spans: readonly OwnedSpan[], written: () => void, refused: () => void = nobody) => {
    queue.push({ spans, written, refused })
    waiting += spans.length
    if (written !== nobody) gathering?.hurry(limits.awaitedMs)
    start()
  }
  const start = () => {
    working ??= work().finally(() => {
      working = undefined
      // What came between the last look at the queue and now.
      if (queue.length > 0) start()
    })
  }
  const work = async () => {
    if (open) {
      gathering = gather(queue.every(({ written }) => written === nobody) ? limits.gatherMs : limits.awaitedMs)
      await gathering.over
      gathering = undefined
    }
    // One that the database refuses must not stop the others: after such a failure they go in one by one.
    let size = limits.batch
    for (let failures = 0; queue.length > 0; ) {
      if (open && failures > 0) await delay(pauses[Math.min(failures, pauses.length) - 1])
      // SQLite's writes never wait: others must get a turn.
      await turn()
      const batch = nextBatch(queue, size)
      const spans = batch.flatMap((entry) => entry.spans)
      try {
        await store.append(spans.map(rowsOf))
        failures = 0
        size = limits.batch
      } catch (error) {
        const [first, ...others] = batch
        if (first !== undefined && isRefusedForGood(error)) {
          queue.unshift(...others)
          if (others.length > 0) queue.unshift(first)
          else refuse(first, error)
          size = 1
          continue
        }
        failures += 1
        if (failures === 1) log.warn({ err: error, spans: spans.length }, 'spans could not be written: tried again')
        if (!open && failures > 3) {
          shed += waiting
          queue.length = 0
          return
        }
        queue.unshift(...batch)
        continue
      }
      waiting -= spans.length
      for (const entry of batch) entry.written()
    }
  }
  const refuse = ({ spans, refused }: Waiting, error: unknown) => {
    log.error({ err: error, spans: spans.length }, 'spans that the database refuses are not kept')
    waiting -= spans.length
    shed += spans.length
    shedAt = clock.now()
    refused()
  }
  return {
    offer(spans) {
      if (open && waiting + spans.length <= limits.spans) push(spans, nobody)
      else {
        shed += spans.length
        shedAt = clock.now()
      }
    },
    take(spans) {
      if (spans.length === 0) return Promise.resolve()
      if (!open || waiting + spans.length > limits.spans) throw fail('traces_busy')
      return new Promise((resolve, reject) =>
        push(spans, resolve, () =>
          reject(fail('invalid_value', { param: 'resourceSpans', reason: 'it holds what no database keeps' })),
        ),
      )
    },
    settled: () => (waiting === 0 ? Promise.resolve() : new Promise((resolve) => push([], resolve))),
    counts: () => ({ shed, shedAt, waiting, room: limits.spans }),
    async close() {
      open = false
      gathering?.hurry(0)
      while (working !== undefined) await working
    },
  }
}

const nobody = () => {}

interface Gathering {
  readonly over: Promise<void>
  /** Ends it within that time. */
  hurry(milliseconds: number): void
}

function gather(milliseconds: number): Gathering {
  const { promise, resolve } = Promise.withResolvers<void>()
  let timer = setTimeout(resolve, milliseconds)
  let left = milliseconds
  return {
    over: promise,
    hurry(sooner) {
      if (sooner >= left) return
      clearTimeout(timer)
      left = sooner
      timer = setTimeout(resolve, sooner)
    },
  }
}

/** Entries from the front of the queue, about `size` spans of them. */
function nextBatch(queue: Waiting[], size: number): Waiting[] {
  let count = 0
  const end = queue.findIndex((entry) => {
    count += entry.spans.length
    return count >= size
  })
  return queue.splice(0, end === -1 ? queue.length : end + 1)
}
