// Blacks out what was said, in a thread with limits of time and memory. What cannot be blacked out is not kept.
import { LimitedWorker } from '../../base/limited-worker.ts'
import { programUrl } from '../../base/program-files.ts'
import { noRedaction, type Redaction } from './redaction.ts'
import type { RedactionAnswer, RedactionQuestion } from './redaction-worker.ts'

/** Applies rules to values. */
export interface Redactor {
  /** The values with every text blacked out; undefined where it took too long or too much is waiting: then keep nothing. */
  apply<Value>(rules: Redaction, values: readonly Value[]): Promise<readonly Value[] | undefined>
  stop(): Promise<void>
}

const limitMs = 5_000
const heapMegabytes = 256
const idleMs = 60_000
/** A thread that starts on a busy machine takes its time: that is not the rules'. */
const startMs = 30_000
/** Questions that may wait, each of one call or one request of spans: 64 of them are seconds. */
const mostWaiting = 64

/** A redactor; its thread starts with the first value. */
export function createRedactor(): Redactor {
  const worker = new LimitedWorker<RedactionAnswer>({
    script: programUrl('features/usage/redaction-worker'),
    heapMegabytes,
    idleMilliseconds: idleMs,
    greeting: {
      message: async (): Promise<RedactionQuestion> => ({ rules: noRedaction, values: [] }),
      milliseconds: startMs,
    },
  })
  let waiting = 0
  return {
    async apply<Value>(rules: Redaction, values: readonly Value[]) {
      if (waiting >= mostWaiting) return undefined
      waiting += 1
      try {
        const answer = await worker.ask({ rules, values } satisfies RedactionQuestion, limitMs)
        return answer?.values as readonly Value[] | undefined
      } finally {
        waiting -= 1
      }
    },
    stop: () => worker.stop(),
  }
}
