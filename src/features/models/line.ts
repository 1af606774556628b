// The one place where calls wait for a model. Wraps a Model and is one; the order of the line is `places.ts`'s.
import type { Clock } from '../../base/clock.ts'
import type { CallContext, ChatCall, CompletionCall, Model, ModelCard, ModelEvent } from '../../wire/model.ts'
import { createPlaces, type Places, type Work } from './places.ts'

/** A model behind its line, and how long the line is. */
export interface WaitingLine extends Pick<Places, 'waiting' | 'admitted'> {
  readonly model: Model
}

// Tokens that a call without max_tokens is taken to generate, for its share of turns only.
const usualAnswer = 256

/** Puts a line before a model. At most `queueLength` calls of a class wait; more are refused with `queue_full`. */
export function line(bare: Model, options: { readonly clock: Clock; readonly queueLength: number }): WaitingLine {
  const places = createPlaces(bare, options)

  async function* generate(work: Work, start: () => AsyncIterable<ModelEvent>): AsyncGenerator<ModelEvent, void> {
    const place = await places.enter(work)
    try {
      for await (const event of start()) {
        yield event.type === 'started' ? { ...event, queueMs: event.queueMs + place.waitedMs } : event
      }
    } finally {
      place.leave()
    }
  }
  const once = async <Result>(work: Work, start: () => Promise<Result>): Promise<Result> => {
    const place = await places.enter(work)
    try {
      return await start()
    } finally {
      place.leave()
    }
  }

  const model: Model = {
    get card() {
      return bare.card
    },
    load: () => bare.load(),
    chat: (call, signal) => generate(workOf(call, chatLength(call), signal, bare.card), () => bare.chat(call, signal)),
    complete: (call, signal) =>
      generate(workOf(call, promptLength(call), signal, bare.card), () => bare.complete(call, signal)),
    embed: (call, signal) =>
      once(singleWork(call.context, sum(call.inputs.map(inputLength)), signal), () => bare.embed(call, signal)),
    rank: (call, signal) =>
      once(singleWork(call.context, sum(call.documents.map(textLength)), signal), () => bare.rank(call, signal)),
    // Counting tokens takes no stream, so it does not wait.
    tokenize: (input, signal) => bare.tokenize(input, signal),
    detokenize: (tokens, signal) => bare.detokenize(tokens, signal),
    tokenizer: () => bare.tokenizer(),
  }
  return { model, waiting: places.waiting, admitted: places.admitted }
}

/** No answer is longer than a stream, whatever `max_tokens` says: a caller's number must not be believed as work. */
function workOf(
  call: ChatCall | CompletionCall,
  promptTokens: number,
  signal: AbortSignal,
  { contextLength }: ModelCard,
): Work {
  const streams = call.sampling.choices ?? 1
  const answer = Math.min(call.sampling.maxTokens ?? usualAnswer, contextLength)
  const cost = Math.min(promptTokens, contextLength) + answer * streams
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
