// Scores of query and document by a model with a classifier head (a reranker), on a context made with pooling `rank`.

import type { Context } from './context.ts'
import { longestText } from './embed.ts'
import type { Vocabulary } from './vocabulary.ts'

/** The pair as such models were trained: BOS query EOS SEP document EOS, each where the vocabulary adds it. */
export function rankingPair(vocabulary: Vocabulary, query: string, document: string): Int32Array {
  const special = (added: boolean, token: number | undefined): number[] => (added && token !== undefined ? [token] : [])
  const end = special(vocabulary.addsEndOfSequence, vocabulary.endOfSequence)
  return Int32Array.from([
    ...special(vocabulary.addsBeginOfSequence, vocabulary.beginOfSequence),
    ...vocabulary.tokenize(query),
    ...end,
    ...special(vocabulary.addsSeparator, vocabulary.separator),
    ...vocabulary.tokenize(document),
    ...end,
  ])
}

/** Tokens of the longest pair that one decode can score. */
export function longestPair(context: Context): number {
  return Math.min(longestText(context), context.options.microBatchSize, context.batch.outputCapacity)
}

/**
 * The head's score of a pair, higher is more relevant; unbounded unless the model ends in a sigmoid or softmax. One pair a decode:
 * pooled outputs of several sequences in one batch are not to be trusted. A pair is no longer than `longestPair`.
 */
export async function rankPair(context: Context, pair: Int32Array, stream: number): Promise<number> {
  context.setEmbeddings(true)
  context.clear(stream)
  context.batch.clear()
  pair.forEach((token, position) => {
    context.batch.add(token, position, stream, true)
  })
  for (;;) {
    const result = await context.decode()
    if (result === 'done') break
    if (result === 'full') throw new Error('A stream was not free for a ranking.')
    context.clear(stream)
  }
  const score = context.pooled(stream, Math.max(1, context.model.classifierOutputs))[0] ?? 0
  context.clear(stream)
  return score
}
