// Calls for the conformance suite, with everything filled in that a test does not care about, and folds over their events.

import type { ChatCall, ChosenLogprob, CompletionCall, Model, ModelEvent, Usage } from '../../src/wire/model.ts'

/** Facts of a call. */
export const context = {
  requestId: 'req_conformance',
  workspace: 'conformance',
  key: 'key_conformance',
  class: 'interactive',
  cacheScope: 'conformance',
} as const satisfies ChatCall['context']

/** A conversation of one user turn; `changes` replace whole fields. */
export function chatCall(text: string, changes: Partial<ChatCall> = {}): ChatCall {
  return {
    context,
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    sampling: { temperature: 0, maxTokens: 24 },
    output: { type: 'text' },
    tools: [],
    toolChoice: 'auto',
    parallelToolCalls: true,
    ...changes,
  }
}

/** A text to continue; `changes` replace whole fields. */
export function completionCall(text: string, changes: Partial<CompletionCall> = {}): CompletionCall {
  return {
    context,
    prompt: { type: 'text', text },
    sampling: { temperature: 0, maxTokens: 24 },
    output: { type: 'text' },
    ...changes,
  }
}

/** All events of a call. */
export async function collect(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const all: ModelEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

/** A signal that nobody aborts. */
export function never(): AbortSignal {
  return new AbortController().signal
}

/** The whole answer of a chat. */
export async function chat(model: Model, call: ChatCall): Promise<ModelEvent[]> {
  return await collect(model.chat(call, never()))
}

/** The whole answer to a completion. */
export async function complete(model: Model, call: CompletionCall): Promise<ModelEvent[]> {
  return await collect(model.complete(call, never()))
}

/** The text of a choice. */
export function textOf(events: readonly ModelEvent[], choice = 0): string {
  return events.map((event) => (event.type === 'text-delta' && event.choice === choice ? event.text : '')).join('')
}

/** The log-probabilities of a choice, in order. */
export function logprobsOf(events: readonly ModelEvent[], choice = 0): ChosenLogprob[] {
  return events.flatMap((event) =>
    event.type === 'text-delta' && event.choice === choice ? (event.logprobs ?? []) : [],
  )
}

/** Why a choice ended. */
export function reasonOf(events: readonly ModelEvent[], choice = 0): string | undefined {
  return events.flatMap((event) => (event.type === 'finish' && event.choice === choice ? [event.reason] : []))[0]
}

/** What the call is charged for. */
export function usageOf(events: readonly ModelEvent[]): Usage {
  const end = events.at(-1)
  if (end?.type !== 'end') throw new Error('The last event is not the end.')
  return end.usage
}
