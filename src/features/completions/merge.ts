// Runs several calls of a model at once and hands on their events as they come, each with the number of its prompt. Knows no wire shape.
import type { ModelEvent } from '../../wire/model.ts'

/** An event of one of several calls. */
export type PromptEvent = ModelEvent & { readonly prompt: number }

/** Begins one call. */
export type Start = (signal: AbortSignal) => AsyncIterable<ModelEvent>

interface Running {
  readonly prompt: number
  readonly iterator: AsyncIterator<ModelEvent>
  next: Promise<{ running: Running; result: IteratorResult<ModelEvent> }>
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
  const rest = new AbortController()
  const both = AbortSignal.any([signal, rest.signal])
  const waiting = starts.map((start, prompt) => ({ start, prompt }))
  const running = new Set<Running>()
  const begin = (): void => {
    const call = waiting.shift()
    if (call === undefined) return
    running.add(follow(call.prompt, call.start(both)[Symbol.asyncIterator]()))
  }
  try {
    for (let count = 0; count < Math.max(1, width); count++) begin()
    while (running.size > 0) {
      const { running: one, result } = await Promise.race(Array.from(running, ({ next }) => next))
      if (result.done) {
        running.delete(one)
        begin()
      } else {
        one.next = ask(one)
        yield { ...result.value, prompt: one.prompt }
      }
    }
  } finally {
    rest.abort()
    // Their last answers are of no interest any more, nor are their failures.
    await Promise.allSettled(
      Array.from(running, ({ iterator, next }) => Promise.allSettled([next, iterator.return?.()])),
    )
  }
}

function follow(prompt: number, iterator: AsyncIterator<ModelEvent>): Running {
  const one = { prompt, iterator } as Running
  one.next = ask(one)
  return one
}

async function ask(running: Running): Promise<{ running: Running; result: IteratorResult<ModelEvent> }> {
  return { running, result: await running.iterator.next() }
}
