// Runs several calls of a model at once and hands on their events as they come, each with the number of its prompt. Knows no wire shape.
import type { ModelEvent } from '../../wire/model.ts'

/** An event of one of several calls. */
export type PromptEvent = ModelEvent & { readonly prompt: number }

/** Begins one call. */
export type Start = (signal: AbortSignal) => AsyncIterable<ModelEvent>

interface Running {
  readonly prompt: number
  readonly iterator: AsyncIterator<ModelEvent>
}

interface Step {
  readonly one: Running
  readonly result: IteratorResult<ModelEvent>
}

/**
 * The events of all calls, interleaved. At most `width` run at a time: a request of a thousand prompts must not fill the waiting
 * line by itself. Leaving the iteration, or the failure of one call, ends the others.
 * @param signal ends all calls
 */
export async function* mergeCalls(
  starts: readonly Start[],
  width: number,
  signal: AbortSignal,
): AsyncGenerator<PromptEvent, void> {
  const [only] = starts
  if (only !== undefined && starts.length === 1) {
    // Nearly every request: nothing to choose between, and nobody else to end.
    for await (const event of only(signal)) yield { ...event, prompt: 0 }
    return
  }
  const rest = new AbortController()
  const both = AbortSignal.any([signal, rest.signal])
  const waiting = starts.entries()
  /** The next step of each running call. */
  const running = new Map<Running, Promise<Step>>()
  const begin = (): void => {
    const { done, value } = waiting.next()
    if (done) return
    const [prompt, start] = value
    const one = { prompt, iterator: start(both)[Symbol.asyncIterator]() }
    running.set(one, ask(one))
  }
  try {
    for (let count = 0; count < Math.max(1, width); count++) begin()
    while (running.size > 0) {
      const { one, result } = await Promise.race(running.values())
      if (result.done) {
        running.delete(one)
        begin()
      } else {
        running.set(one, ask(one))
        yield { ...result.value, prompt: one.prompt }
      }
    }
  } finally {
    rest.abort()
    // Their last answers are of no interest any more, nor are their failures.
    await Promise.allSettled(
      Array.from(running, ([{ iterator }, next]) => Promise.allSettled([next, iterator.return?.()])),
    )
  }
}

function ask(one: Running): Promise<Step> {
  const next = step(one)
  // A failure is met when it is this call's turn; until then nobody may take it for forgotten and end the process.
  next.catch(() => {})
  return next
}

async function step(one: Running): Promise<Step> {
  return { one, result: await one.iterator.next() }
}
