// Measures of rankings: nDCG@10 and MRR@10 with relevance of 0 and 1, and whether the first five hold a relevant one.

/** Means over questions. */
export interface Scores {
  readonly ndcg: number
  readonly mrr: number
  readonly hit: number
}

/** The means; a question without anything relevant counts as missed. */
export function meanScores(ranked: readonly (readonly number[])[], relevant: readonly ReadonlySet<number>[]): Scores {
  const mean = (score: (order: readonly number[], wanted: ReadonlySet<number>) => number) =>
    ranked.reduce((sum, order, place) => sum + score(order, relevant[place] ?? new Set()), 0) / ranked.length
  return {
    ndcg: mean(ndcg),
    mrr: mean(reciprocal),
    hit: mean((order, wanted) => Number(has(order.slice(0, 5), wanted))),
  }
}

function ndcg(order: readonly number[], wanted: ReadonlySet<number>): number {
  const gain = (rank: number) => 1 / Math.log2(rank + 2)
  const found = order.slice(0, 10).reduce((sum, place, rank) => sum + (wanted.has(place) ? gain(rank) : 0), 0)
  const best = Array.from({ length: Math.min(10, wanted.size) }, (_, rank) => gain(rank)).reduce(
    (sum, one) => sum + one,
    0,
  )
  return best === 0 ? 0 : found / best
}

function reciprocal(order: readonly number[], wanted: ReadonlySet<number>): number {
  const rank = order.slice(0, 10).findIndex((place) => wanted.has(place))
  return rank < 0 ? 0 : 1 / (rank + 1)
}

function has(order: readonly number[], wanted: ReadonlySet<number>): boolean {
  return order.some((place) => wanted.has(place))
}
