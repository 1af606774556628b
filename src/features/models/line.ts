// The one place where calls wait for a model: bounded, ordered by class, then workspace, then key. Wraps a Model and is one.
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import type { CallContext, ChatCall, CompletionCall, Model, ModelEvent } from '../../wire/model.ts'
import { createFairQueue } from './fair-queue.ts'

/** A model behind its line, and how long the line is. */
export interface WaitingLine {
  readonly model: Model
  /** Calls that wait. */
  waiting(): number
  /** Streams taken by calls that the engine has, running or about to. */
  admitted(): number
}

// The engine keeps two more than it can run, so that a stream that ends is taken at once (DESIGN §2).
const readyBehind = 2
// OpenAI's SDK for JavaScript ignores a Retry-After of more than a minute.
const longestRetry = 60
// Tokens that a call without max_tokens is taken to generate, for its share of turns only.
const usualAnswer = 256

interface Waiter {
  /** Streams it takes at once (`n`). */
  readonly streams: number
  admit(): void
}

interface Work {
  readonly context: CallContext
  readonly streams: number
  /** Estimated tokens. */
  readonly cost: number
  readonly signal: AbortSignal
}

/** A place that was admitted. */
interface Place {
  readonly waitedMs: number
  leave(): void
}

/** Puts a line before a model. `queueLength` bounds each class by itself, so that batch work never keeps an interactive call out. */
export function line(bare: Model, options: { readonly clock: Clock; readonly queueLength: number }): WaitingLine {
  const { clock, queueLength } = options
  const queues = { interactive: createFairQueue<Waiter>(), batch: createFairQueue<Waiter>() }
  let admitted = 0
  // Milliseconds that a stream is held per call, lately; the estimate behind Retry-After.
  let usualMs = 2000

  const free = (streams: number) => admitted === 0 || admitted + streams <= bare.load().streams + readyBehind
  const admitNext = () => {
    for (const queue of [queues.interactive, queues.batch]) {
      for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
        // The head waits for all its streams; a later, smaller call must not starve it.
        if (!free(next.streams)) return
        queue.take()
        admitted += next.streams
        next.admit()
      }
    }
  }

  const enter = async ({ context, streams, cost, signal }: Work): Promise<Place> => {
    signal.throwIfAborted()
    const queue = queues[context.class]
    const since = clock.elapsed()
    if (queue.size >= queueLength && !(queue.size === 0 && free(streams))) {
      const estimate = (queue.size * usualMs) / Math.max(1, bare.load().streams) / 1000
      const retryAfter = Math.min(longestRetry, Math.max(1, Math.ceil(estimate)))
      throw fail('queue_full', { model: bare.card.name, waiting: queue.size, retryAfter })
    }
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        streams,
        admit() {
          signal.removeEventListener('abort', giveUp)
          resolve()
        },
      }
      const giveUp = () => {
        if (!queue.remove(waiter)) return
        reject(signal.reason)
        admitNext()
      }
      signal.addEventListener('abort', giveUp, { once: true })
      queue.push(waiter, { workspace: context.workspace, key: context.key, cost })
      admitNext()
    })
    const from = clock.elapsed()
    return {
      waitedMs: from - since,
      leave() {
        admitted -= streams
        usualMs = usualMs * 0.9 + (clock.elapsed() - from) * 0.1
        admitNext()
      },
    }
  }

  async function* generate(work: Work, start: () => AsyncIterable<ModelEvent>): AsyncGenerator<ModelEvent, void> {
    const place = await enter(work)
    try {
      refuseLate(work.context, clock)
      for await (const event of start()) {
        yield event.type === 'started' ? { ...event, queueMs: event.queueMs + place.waitedMs } : event
      }
    } finally {
      place.leave()
    }
  }

  const once = async <Result>(work: Work, start: () => Promise<Result>): Promise<Result> => {
    const place = await enter(work)
    try {
      refuseLate(work.context, clock)
      return await start()
    } finally {
      place.leave()
    }
  }

  const model: Model = {
    card: bare.card,
    load: () => bare.load(),
    chat: (call, signal) => generate(workOf(call, chatLength(call), signal), () => bare.chat(call, signal)),
    complete: (call, signal) => generate(workOf(call, promptLength(call), signal), () => bare.complete(call, signal)),
    embed: (call, signal) =>
      once(singleWork(call.context, sum(call.inputs.map(inputLength)), signal), () => bare.embed(call, signal)),
    rank: (call, signal) =>
      once(singleWork(call.context, sum(call.documents.map(textLength)), signal), () => bare.rank(call, signal)),
    // Counting tokens takes no stream, so it does not wait.
    tokenize: (input, signal) => bare.tokenize(input, signal),
    detokenize: (tokens, signal) => bare.detokenize(tokens, signal),
    tokenizer: () => bare.tokenizer(),
  }
  return { model, waiting: () => queues.interactive.size + queues.batch.size, admitted: () => admitted }
}

function refuseLate({ deadline }: CallContext, clock: Clock): void {
  if (deadline !== undefined && clock.now() > deadline) throw fail('deadline_exceeded')
}

function workOf(call: ChatCall | CompletionCall, promptTokens: number, signal: AbortSignal): Work {
  const streams = call.sampling.choices ?? 1
  const cost = promptTokens + (call.sampling.maxTokens ?? usualAnswer) * streams
  return { context: call.context, streams, cost, signal }
}

function singleWork(context: CallContext, cost: number, signal: AbortSignal): Work {
  return { context, streams: 1, cost, signal }
}

// About four characters a token: good enough to share turns by.
const textLength = (text: string) => text.length / 4
const inputLength = (input: string | readonly number[]) =>
  typeof input === 'string' ? textLength(input) : input.length
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

function chatLength(call: ChatCall): number {
  const parts = call.messages.flatMap((message) => message.content)
  return sum(parts.map((part) => (part.type === 'text' ? textLength(part.text) : usualAnswer)))
}

function promptLength({ prompt }: CompletionCall): number {
  if (prompt.type === 'tokens') return prompt.tokens.length
  if (prompt.type === 'text') return textLength(prompt.text)
  return textLength(prompt.prefix) + textLength(prompt.suffix) + sum(prompt.files.map(({ text }) => textLength(text)))
}
