// Turns a checked `/v1/completions` body into calls of a model, one per prompt. Pure: the same body and card give the same calls or failure.
import { fail } from '../../base/errors.ts'
import { CompletionRequest, maxPrompts } from '../../wire/completions.ts'
import { ignoredFields } from '../../wire/ignored.ts'
import type { CompletionCall, CompletionPrompt, ModelCard } from '../../wire/model.ts'
import { readSampling } from '../../wire/sampling.ts'
import { outputRule } from '../chat/prepare.ts'
import type { FilledCompletion } from '../prompts/apply.ts'
import { requireFillInTheMiddle } from './capability.ts'

/** What the answer must look like. */
export interface CompletionShape {
  /** Choices to send for each prompt. */
  readonly choices: number
  /** Choices to generate for each prompt (`best_of`). */
  readonly generated: number
  readonly echo: boolean
  /** Alternatives per token; absent: no log-probabilities. */
  readonly logprobs?: number
}

/** A request as calls. */
export interface PreparedCompletion {
  readonly calls: readonly Omit<CompletionCall, 'context'>[]
  readonly shape: CompletionShape
  readonly ignored: readonly string[]
}

// OpenAI's default, which short answers without max_tokens rely on.
const defaultMaxTokens = 16

/** Throws `invalid_value` or `unsupported_value`, naming the field. */
export function prepareCompletion(body: FilledCompletion, card: ModelCard): PreparedCompletion {
  const shape = readShape(body)
  const prompts = readPrompts(body, card)
  // Ranking by likelihood needs the chosen tokens' log-probabilities even when the client does not want to see them.
  const logprobs = shape.logprobs ?? (shape.generated > shape.choices ? 0 : undefined)
  const sampling = readSampling(
    { ...body, n: shape.generated },
    { vocabularySize: card.vocabularySize, defaultMaxTokens, ...(logprobs !== undefined && { logprobs }) },
  )
  const output = outputRule(body.response_format)
  const promptLogprobs = shape.echo ? shape.logprobs : undefined
  return {
    calls: prompts.map((prompt) => ({
      prompt,
      sampling,
      output,
      ...(promptLogprobs !== undefined && { promptLogprobs }),
    })),
    shape,
    ignored: ignoredFields(CompletionRequest, body, [
      'prompt_cache_key',
      ...(body.stream === true ? [] : ['stream_options']),
    ]),
  }
}

function readShape(body: FilledCompletion): CompletionShape {
  const choices = body.n ?? 1
  const generated = body.best_of ?? choices
  if (generated < choices) {
    throw fail('invalid_value', { param: 'best_of', reason: `it is ${generated}, fewer than n, which is ${choices}` })
  }
  if (generated > choices && body.stream === true) {
    throw fail('invalid_value', { param: 'best_of', reason: 'the best are known only at the end; leave out stream' })
  }
  const logprobs = body.logprobs ?? undefined
  return { choices, generated, echo: body.echo === true, ...(logprobs !== undefined && { logprobs }) }
}

function readPrompts(body: FilledCompletion, card: ModelCard): CompletionPrompt[] {
  const prompts = listPrompts(body.prompt)
  prompts.forEach((prompt, index) => {
    if (prompt.type === 'tokens') checkTokens(prompt.tokens, card, isOne(body.prompt) ? 'prompt' : `prompt[${index}]`)
  })
  // Nothing after the gap is no gap: clients send an empty suffix for "none".
  const suffix = body.suffix ?? ''
  if (suffix === '') return body.parse_special === true ? prompts.map(withControlTokens) : prompts
  if (body.parse_special === true) {
    throw fail('unsupported_value', { param: 'parse_special', reason: 'with suffix the control tokens are set here' })
  }
  return prompts.map((prompt) => withSuffix(prompt, suffix, body, card))
}

function withControlTokens(prompt: CompletionPrompt): CompletionPrompt {
  return prompt.type === 'text' ? { ...prompt, parseSpecial: true } : prompt
}

function withSuffix(
  prompt: CompletionPrompt,
  suffix: string,
  body: FilledCompletion,
  card: ModelCard,
): CompletionPrompt {
  requireFillInTheMiddle(card, 'suffix')
  if (prompt.type !== 'text') {
    throw fail('unsupported_value', { param: 'suffix', reason: 'it goes with a prompt of text, not of token ids' })
  }
  if (body.echo === true) {
    throw fail('unsupported_value', { param: 'echo', reason: 'with suffix the answer is the text between the two' })
  }
  return { type: 'fill-in-the-middle', prefix: prompt.text, suffix, files: [] }
}

function isOne(prompt: FilledCompletion['prompt']): boolean {
  return typeof prompt === 'string' || typeof prompt[0] === 'number'
}

/** One prompt or many, as text or as ids: always a list. */
function listPrompts(prompt: FilledCompletion['prompt']): CompletionPrompt[] {
  if (typeof prompt === 'string') return [{ type: 'text', text: prompt }]
  const ids = prompt.filter((value) => typeof value === 'number')
  if (ids.length > 0) return [{ type: 'tokens', tokens: ids }]
  if (prompt.length > maxPrompts) {
    throw fail('invalid_value', { param: 'prompt', reason: `it has more than ${maxPrompts} prompts` })
  }
  return prompt.flatMap((value): CompletionPrompt[] =>
    typeof value === 'string'
      ? [{ type: 'text', text: value }]
      : typeof value === 'number'
        ? []
        : [{ type: 'tokens', tokens: value }],
  )
}

/** Ids outside the vocabulary would be read past its end. */
function checkTokens(tokens: readonly number[], card: ModelCard, param: string): void {
  const index = tokens.findIndex((token) => token >= card.vocabularySize)
  if (index === -1) return
  const reason = `there is no token ${tokens[index]}; this model has ${card.vocabularySize} tokens`
  throw fail('invalid_value', { param: `${param}[${index}]`, reason })
}
