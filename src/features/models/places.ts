// The places at a model: who may use it now, and in which order the others follow. Knows when a call enters and leaves, not what it does.
import type { Clock } from '../../base/clock.ts'
import { type Failure, fail } from '../../base/errors.ts'
import type { CallContext, Model } from '../../wire/model.ts'
import { createFairQueue, type FairQueue } from './fair-queue.ts'

/** What a call asks for. */
export interface Work {
  readonly context: CallContext
  /** Streams it takes at once (`n`). */
  readonly streams: number
  /** Estimated tokens, for its share of turns. */
  readonly cost: number
  /** Aborting leaves the line. */
  readonly signal: AbortSignal
  /** What the operator set for whoever asks; absent: nothing. */
  readonly rules?: LineRules
}

/** A party's place in line. */
export interface LineRules {
  readonly key: LineRule
  readonly workspace: LineRule
}

interface LineRule {
  /** How many of its calls may wait at this model; null: as many as may wait at all. */
  readonly length: number | null
  /** Its share of turns, beside others. */
  readonly weight: number
}

/** A place that a call has. */
export interface Place {
  readonly waitedMs: number
  leave(): void
}

/** The places at one model. */
export interface Places {
  /** Waits for a place. Throws `queue_full`, `deadline_exceeded`, or the signal's reason. */
  enter(work: Work): Promise<Place>
  /** Calls that wait. */
  waiting(): number
  /** Streams taken by calls that the engine has, running or about to. */
  admitted(): number
}

interface Waiter {
  readonly streams: number
  admit(): void
}

// The engine keeps two more than it can run, so that a stream that ends is taken at once (DESIGN §2).
const readyBehind = 2
// OpenAI's SDK for JavaScript ignores a Retry-After of more than a minute.
const longestRetry = 60

/** Places for as many streams as the model has, and two. `queueLength` bounds each class by itself: batch work never keeps an interactive call out. */
export function createPlaces(bare: Model, options: { readonly clock: Clock; readonly queueLength: number }): Places {
  const { clock, queueLength } = options
  const queues = { interactive: createFairQueue<Waiter>(), batch: createFairQueue<Waiter>() }
  const admitted = { interactive: 0, batch: 0 }
  const total = () => admitted.interactive + admitted.batch
  const usual = createEstimate()

  const free = (className: CallContext['class'], streams: number) => {
    const { streams: all } = bare.load()
    // The engine takes streams back from batch work within a step, so that work does not count against interactive calls.
    if (className === 'interactive') {
      return admitted.interactive === 0 || admitted.interactive + streams <= all + readyBehind
    }
    // Batch work keeps off one stream.
    return total() === 0 || total() + streams <= Math.max(1, all - 1) + readyBehind
  }
  const admitNext = () => {
    for (const className of ['interactive', 'batch'] as const) {
      const queue = queues[className]
      for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
        // The head waits for all its streams; a later, smaller call must not starve it.
        if (!free(className, next.streams)) return
        queue.take()
        admitted[className] += next.streams
        next.admit()
      }
    }
  }
  return {
    waiting: () => queues.interactive.size + queues.batch.size,
    admitted: total,
    async enter(work) {
      const { context, streams, signal } = work
      signal.throwIfAborted()
      const since = clock.elapsed()
      const full = fullLine(queues[context.class], work, queueLength)
      const nobodyWaits = queues[context.class].size === 0 && free(context.class, streams)
      if (full !== undefined && !nobodyWaits) throw queueFull(bare, full, usual)
      await waitInLine(queues[context.class], work, admitNext)
      const from = clock.elapsed()
      const leave = () => {
        admitted[context.class] -= streams
        usual.learn(clock.elapsed() - from)
        admitNext()
      }
      if (context.deadline !== undefined && clock.now() > context.deadline) {
        leave()
        throw fail('deadline_exceeded')
      }
      return { waitedMs: from - since, leave }
    },
  }
}

/** Resolves when the call's turn has come; rejects with the signal's reason when it leaves before. */
function waitInLine(queue: FairQueue<Waiter>, work: Work, admitNext: () => void): Promise<void> {
  const { context, streams, cost, signal, rules } = work
  return new Promise<void>((resolve, reject) => {
    const giveUp = () => {
      if (!queue.remove(waiter)) return
      reject(signal.reason)
      admitNext()
    }
    const waiter: Waiter = {
      streams,
      admit() {
        signal.removeEventListener('abort', giveUp)
        resolve()
      },
    }
    signal.addEventListener('abort', giveUp, { once: true })
    const weights = rules === undefined ? {} : { weights: { workspace: rules.workspace.weight, key: rules.key.weight } }
    queue.push(waiter, { workspace: context.workspace, key: context.payer ?? context.key, cost, ...weights })
    admitNext()
  })
}

/** The line that has no place for one more: everybody's, the workspace's or the key's; undefined while all have. */
function fullLine(queue: FairQueue<Waiter>, { context, rules }: Work, queueLength: number): FullLine | undefined {
  const { workspace, key: own, payer: key = own } = context
  const lines: readonly (FullLine & { readonly length: number | null | undefined })[] = [
    { whose: 'all', waiting: queue.size, length: queueLength },
    { whose: 'workspace', waiting: queue.sizeOf(workspace), length: rules?.workspace.length },
    { whose: 'key', waiting: queue.sizeOf(workspace, key), length: rules?.key.length },
  ]
  return lines.find(({ waiting, length }) => length !== null && length !== undefined && waiting >= length)
}

interface FullLine {
  readonly whose: 'all' | 'workspace' | 'key'
  readonly waiting: number
}

function queueFull(bare: Model, { whose, waiting }: FullLine, usual: Estimate): Failure {
  const retryAfter = usual.retryAfter(waiting, bare.load().streams)
  return fail('queue_full', { model: bare.card.name, whose, waiting, retryAfter, queueMs: 0 })
}

interface Estimate {
  /** A place was held so long, in milliseconds. */
  learn(milliseconds: number): void
  /** Whole seconds, 1 to 60. */
  retryAfter(waiting: number, streams: number): number
}

/** How long a place is held, lately, and so when one of those who wait now may be through. */
function createEstimate(): Estimate {
  let usualMs = 2000
  return {
    learn(milliseconds) {
      usualMs = usualMs * 0.9 + milliseconds * 0.1
    },
    retryAfter(waiting, streams) {
      const seconds = (waiting * usualMs) / Math.max(1, streams) / 1000
      return Math.min(longestRetry, Math.max(1, Math.ceil(seconds)))
    },
  }
}
