// Log-probabilities from a row of logits over the full vocabulary, before any sampler touched it.

import type { ChosenLogprob, TokenLogprob } from '../../wire/model.ts'

/** What is shown of a token. */
export interface TokenPieces {
  piece(token: number): Uint8Array
}

/** The chosen token with its `count` likeliest alternatives. `normalizer` is the row's log-sum-exp. */
export function chosenLogprob(
  row: Float32Array,
  normalizer: number,
  token: number,
  count: number,
  vocabulary: TokenPieces,
): ChosenLogprob {
  return { ...describe(row, normalizer, token, vocabulary), top: topLogprobs(row, normalizer, count, vocabulary) }
}

/** The `count` likeliest tokens, best first. */
export function topLogprobs(
  row: Float32Array,
  normalizer: number,
  count: number,
  vocabulary: TokenPieces,
): TokenLogprob[] {
  return likeliestTokens(row, count).map((token) => describe(row, normalizer, token, vocabulary))
}

/** A token's text and bytes as they are shown; bytes that are no UTF-8 by themselves become U+FFFD in the text. */
export function showToken(token: number, vocabulary: TokenPieces): Omit<TokenLogprob, 'logprob'> {
  const bytes = vocabulary.piece(token)
  return { token: Buffer.from(bytes).toString('utf8'), tokenId: token, bytes: Array.from(bytes) }
}

function describe(row: Float32Array, normalizer: number, token: number, vocabulary: TokenPieces): TokenLogprob {
  return { ...showToken(token, vocabulary), logprob: (row[token] ?? -Infinity) - normalizer }
}

/** The tokens with the largest logits, best first, the lower id first among equals. */
function likeliestTokens(row: Float32Array, count: number): number[] {
  const best: number[] = []
  if (count === 0) return best
  let least = -Infinity
  for (let token = 0; token < row.length; token += 1) {
    const logit = row[token] as number // Inside the bounds.
    if (best.length === count && logit <= least) continue
    let place = best.length
    while (place > 0 && (row[best[place - 1] ?? 0] ?? 0) < logit) place -= 1
    best.splice(place, 0, token)
    if (best.length > count) best.pop()
    least = row[best[best.length - 1] ?? 0] ?? -Infinity
  }
  return best
}
