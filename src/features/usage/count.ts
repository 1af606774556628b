// How long a prompt is: estimated at once, and counted by the model's own tokenizer where somebody needs to know exactly.
import type { ChatCall, CompletionCall, EmbeddingCall, Model, RankingCall, TokenizeInput } from '../../wire/model.ts'
import { chatLength, documentsLength, inputsLength, promptLength } from './estimate.ts'

/** Both ways to know a prompt's length. */
export interface PromptCount {
  /** Estimated. */
  readonly promptTokens: number
  /** By the tokenizer; what it cannot count is estimated. */
  count(): Promise<number>
}

/** Of a conversation, with the model's template. */
export function chatCount(model: Model, { context: _, ...call }: ChatCall, signal: AbortSignal): PromptCount {
  const promptTokens = chatLength(call)
  return { promptTokens, count: () => counted(model, [{ type: 'chat', call }], promptTokens, signal) }
}

/** Of a prompt to continue. */
export function completionCount(model: Model, { prompt }: CompletionCall, signal: AbortSignal): PromptCount {
  const promptTokens = promptLength({ prompt })
  if (prompt.type === 'tokens') return { promptTokens, count: async () => promptTokens }
  const input: TokenizeInput = prompt.type === 'text' ? textInput(prompt.text, prompt.parseSpecial) : prompt
  return { promptTokens, count: () => counted(model, [input], promptTokens, signal) }
}

/** Of texts to embed. */
export function inputsCount(model: Model, { inputs }: EmbeddingCall, signal: AbortSignal): PromptCount {
  const promptTokens = inputsLength({ inputs })
  const texts = inputs.filter((input) => typeof input === 'string')
  const rest = inputsLength({ inputs: inputs.filter((input) => typeof input !== 'string') })
  const count = async () =>
    rest +
    (await counted(
      model,
      texts.map((text) => textInput(text)),
      promptTokens - rest,
      signal,
    ))
  return { promptTokens, count }
}

/** Of a query with every document. */
export function rankingCount(model: Model, { query, documents }: RankingCall, signal: AbortSignal): PromptCount {
  const promptTokens = documentsLength({ documents })
  return {
    promptTokens,
    count: () =>
      counted(
        model,
        [query, ...documents].map((text) => textInput(text)),
        promptTokens,
        signal,
      ),
  }
}

function textInput(text: string, parseSpecial = false): TokenizeInput {
  return { type: 'text', text, addSpecial: true, parseSpecial }
}

/** What is wrong with a prompt the call itself will say. */
async function counted(
  model: Model,
  inputs: readonly TokenizeInput[],
  estimate: number,
  signal: AbortSignal,
): Promise<number> {
  try {
    const tokens = await Promise.all(inputs.map((input) => model.tokenize(input, signal)))
    return tokens.reduce((sum, { length }) => sum + length, 0)
  } catch {
    signal.throwIfAborted()
    return estimate
  }
}
