// What an answer must be: a plain decode loop on one stream, with the batches split as the scheduler splits them for a prompt that is alone.

import type { Context } from '../../src/engine/child/context.ts'
import { largest } from '../../src/engine/child/sampler.ts'

/** Rows of a prompt that is alone, as the scheduler decodes it. */
const chunk = 128

/** Decodes `tokens` from position `from` on; returns the row of the last one. */
export function feed(context: Context, tokens: readonly number[], from: number, stream = 0): number {
  let row = -1
  for (let start = from; start < tokens.length; start += chunk) {
    context.batch.clear()
    for (let position = start; position < Math.min(start + chunk, tokens.length); position += 1) {
      row = context.batch.add(tokens[position] ?? 0, position, stream, position === tokens.length - 1)
    }
    if (context.decodeSync() !== 'done') throw new Error('The control could not decode.')
  }
  return row
}

/** The greedy continuation of what `feed` decoded, `count` tokens or until the end token. */
export function continueGreedily(context: Context, prompt: readonly number[], row: number, count: number): number[] {
  const answer: number[] = []
  let last = row
  while (answer.length < count) {
    const token = largest(context.logits(last))
    if (context.model.vocabulary.isEnd(token)) break
    answer.push(token)
    context.batch.clear()
    last = context.batch.add(token, prompt.length + answer.length - 1, 0, true)
    if (context.decodeSync() !== 'done') throw new Error('The control could not decode.')
  }
  return answer
}

/** A prompt's greedy answer from an empty stream. */
export function greedyAnswer(context: Context, prompt: readonly number[], count: number): number[] {
  context.clear(0)
  return continueGreedily(context, prompt, feed(context, prompt, 0), count)
}

/** A prompt's greedy answer where its first `kept` tokens were left behind by `earlier`. */
export function greedyAfter(
  context: Context,
  earlier: readonly number[],
  prompt: readonly number[],
  kept: number,
  count: number,
): number[] {
  context.clear(0)
  feed(context, earlier, 0)
  if (!context.trim(0, kept)) throw new Error('The control could not keep the prefix.')
  return continueGreedily(context, prompt, feed(context, prompt, kept), count)
}
