// Tries a step of a download again while that is of use: with back-off, as long as a source asks for, and not for ever. Sends nothing.

import { setTimeout as delay } from 'node:timers/promises'
import { sourceError } from './download-answer.ts'
import { type Download, SourceError } from './download-source.ts'

/** Attempts where not one answer came: the machine is offline or the network is closed, and waiting long helps nobody. */
const attemptsWithoutAnswer = 3

/** Attempts in all, however much each brings. */
const attemptsInAll = 1_000

/**
 * Runs `attempt` until it succeeds. An attempt that brought bytes (`received` grew) starts the count anew. Throws the last
 * `SourceError`, and anything else (a full disk, a cancellation) at once. Waits listen to `signal`, the download's own without it.
 */
export async function withPatience<Result>(
  { label, context, expected }: Download,
  received: () => Promise<number>,
  attempt: () => Promise<Result>,
  course: { answered: boolean; signal?: AbortSignal | undefined } = { answered: false, signal: context.signal },
): Promise<Result> {
  const { patience, meter, last } = context
  let failures = 0
  for (let attempts = 1; ; attempts++) {
    const before = await received()
    try {
      return await attempt()
    } catch (error) {
      course.signal?.throwIfAborted()
      const failure = sourceError(error)
      if (!(failure instanceof SourceError) || failure.final) throw failure
      failures = (await received()) > before ? 1 : failures + 1
      const allowed = course.answered || failure.answered ? patience.attempts : last ? attemptsWithoutAnswer : 1
      if (failures >= allowed || attempts >= attemptsInAll) throw failure
      meter.trouble(label, failure.message, expected.bytes)
      const wait = failure.retryAfterMs ?? patience.backoffMs * 2 ** (failures - 1)
      await delay(wait, undefined, course.signal === undefined ? {} : { signal: course.signal })
    }
  }
}
