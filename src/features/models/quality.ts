// How good a model is, in numbers that can be compared: perplexity on a text, accuracy on questions with choices, and tokens a second.
// Knows a Model and nothing of where it runs.

import { fail } from '../../base/errors.ts'
import type { CallContext, Model, ModelEvent } from '../../wire/model.ts'

/** Perplexity, and what it rests on. */
export interface Perplexity {
  /** exp of the mean negative log-likelihood of the scored tokens. */
  readonly perplexity: number
  /** Standard error of the perplexity, from the spread over tokens. */
  readonly error: number
  /** Scored tokens. */
  readonly tokens: number
}

/** A question with one right answer among several. */
export interface ChoiceTask {
  readonly prompt: string
  /** Continuations of the prompt, as they are: a space between belongs to the choice. */
  readonly choices: readonly string[]
  /** Place of the right one. */
  readonly answer: number
}

/** What measuring is told. */
export interface MeasureOptions {
  readonly signal: AbortSignal
  /** Part that is done, 0–1. */
  readonly onProgress?: ((done: number) => void) | undefined
}

/** Tokens of a window, as llama.cpp's perplexity has it. */
export const windowTokens = 512

/**
 * Perplexity of a text, exp(−Σ ln p(token | tokens before it in its window) / count), as llama.cpp's `llama-perplexity` computes it: the
 * text's tokens are cut into windows of `window`, one after the other without overlap; the first token of each is replaced by the token
 * that begins a text, where the model wants one; of each window the tokens from place window/2 + 1 on are scored, so that every scored
 * token sees at least half a window. What is left at the end is not scored. @throws Failure `invalid_value` where the text is too short
 */
export async function measurePerplexity(
  model: Model,
  text: string,
  { signal, onProgress }: MeasureOptions,
  window = windowTokens,
): Promise<Perplexity> {
  const { addsBeginOfSequence, beginOfSequence } = await model.tokenizer()
  const tokens = await model.tokenize({ type: 'text', text, addSpecial: true, parseSpecial: false }, signal)
  const windows = Math.floor(tokens.length / window)
  if (windows === 0) {
    const reason = `it has ${tokens.length} tokens, and at least ${window} are needed`
    throw fail('invalid_value', { param: 'text', reason })
  }
  const scores: number[] = []
  for (let index = 0; index < windows; index += 1) {
    const prompt = tokens.slice(index * window, (index + 1) * window)
    if (addsBeginOfSequence && beginOfSequence !== null) prompt[0] = beginOfSequence
    const logprobs = await promptLogprobs(model, prompt, signal)
    for (let place = Math.floor(window / 2) + 1; place < window; place += 1)
      scores.push(-(logprobs[place] ?? Number.NaN))
    onProgress?.((index + 1) / windows)
  }
  const mean = sum(scores) / scores.length
  if (!Number.isFinite(mean)) throw fail('engine_output_invalid', { model: model.card.name })
  const variance = sum(scores.map((score) => (score - mean) ** 2)) / Math.max(1, scores.length - 1)
  const perplexity = Math.exp(mean)
  return { perplexity, error: perplexity * Math.sqrt(variance / scores.length), tokens: scores.length }
}

/**
 * Part of the tasks whose right choice has the highest log-likelihood a character, 0–1: the choice's tokens are those after the longest
 * common beginning with the prompt's own. The same as lm-evaluation-harness's `acc_norm`, with characters in place of bytes.
 */
export async function measureAccuracy(
  model: Model,
  tasks: readonly ChoiceTask[],
  { signal, onProgress }: MeasureOptions,
): Promise<number> {
  let right = 0
  for (const [index, { prompt, choices, answer }] of tasks.entries()) {
    const beginning = await tokensOf(model, prompt, signal)
    const scores: number[] = []
    for (const choice of choices) {
      const whole = await tokensOf(model, prompt + choice, signal)
      const logprobs = await promptLogprobs(model, whole, signal)
      // The first token of a text has no probability.
      const from = Math.max(1, commonLength(beginning, whole))
      scores.push(sum(logprobs.slice(from)) / Math.max(1, choice.length))
    }
    if (scores.indexOf(Math.max(...scores)) === answer) right += 1
    onProgress?.((index + 1) / tasks.length)
  }
  return right / tasks.length
}

/** Tokens of a timed answer, and answers of which the fastest counts: others may use the machine too. */
const timed = { tokens: 48, repeats: 2, prompt: 'The old harbour town lies at the end of the road, and' }

/** Tokens a second of one answer, the prompt's not counted. */
export async function measureSpeed(model: Model, signal: AbortSignal): Promise<number> {
  let best = 0
  for (let repeat = 0; repeat < timed.repeats; repeat += 1) {
    const events = model.complete(
      {
        context: measuring,
        prompt: { type: 'text', text: timed.prompt },
        // Not greedy: repeated text would be guessed ahead, which tells nothing of the weights.
        sampling: { maxTokens: timed.tokens, minTokens: timed.tokens, temperature: 1, seed: 1 + repeat },
        output: { type: 'text' },
      },
      signal,
    )
    for await (const event of events)
      if (event.type === 'end')
        best = Math.max(best, ((event.usage.completionTokens - 1) * 1000) / Math.max(1, event.timings.decodeMs))
  }
  return best
}

/** Reads tasks, one JSON object a line: `{"prompt": …, "choices": […], "answer": 0}`. @throws Failure `invalid_value` with the line */
export function parseTasks(text: string): readonly ChoiceTask[] {
  const tasks = text
    .split('\n')
    .map((line, place) => (line.trim() === '' ? undefined : parseTask(line, place + 1)))
    .filter((task) => task !== undefined)
  if (tasks.length === 0) throw fail('invalid_value', { param: 'tasks', reason: 'it holds no tasks' })
  return tasks
}

function parseTask(line: string, number: number): ChoiceTask {
  const task = parseJson(line) as Partial<ChoiceTask> | null | undefined
  const { prompt, choices, answer } = task ?? {}
  const fits =
    typeof prompt === 'string' &&
    Array.isArray(choices) &&
    choices.length >= 2 &&
    choices.every((choice) => typeof choice === 'string' && choice !== '') &&
    Number.isInteger(answer) &&
    choices[Number(answer)] !== undefined
  if (fits) return { prompt, choices, answer: Number(answer) }
  const reason = `line ${number} is no {"prompt": text, "choices": [text, text, …], "answer": place of the right one}`
  throw fail('invalid_value', { param: 'tasks', reason })
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Nobody's call: no key, no workspace, no usage. */
const measuring: CallContext = {
  requestId: 'measure',
  workspace: 'measure',
  key: 'measure',
  class: 'interactive',
  cacheScope: 'measure',
}

function tokensOf(model: Model, text: string, signal: AbortSignal): Promise<readonly number[]> {
  return model.tokenize({ type: 'text', text, addSpecial: true, parseSpecial: false }, signal)
}

/** The natural logarithm of each token's probability; undefined for the first. */
async function promptLogprobs(
  model: Model,
  tokens: readonly number[],
  signal: AbortSignal,
): Promise<readonly (number | undefined)[]> {
  const call = {
    context: measuring,
    prompt: { type: 'tokens', tokens },
    sampling: { maxTokens: 0 },
    output: { type: 'text' },
    promptLogprobs: 0,
  } as const
  const found: (number | undefined)[] = []
  const take = (event: ModelEvent) => {
    if (event.type === 'prompt-logprobs') for (const { logprob } of event.tokens) found.push(logprob ?? undefined)
  }
  for await (const event of model.complete(call, signal)) take(event)
  return found
}

function commonLength(one: readonly number[], other: readonly number[]): number {
  const place = one.findIndex((token, index) => token !== other[index])
  return place < 0 ? one.length : place
}

function sum(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? Number.NaN), 0)
}
