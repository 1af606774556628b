// Tiers: what each allows, and which one a spend leads to. Pure data and one question.
import { nanoPerUnit } from '../prices/price.ts'

/** What can be limited. Null: not here. */
export interface LimitNumbers {
  readonly requestsPerSecond: number | null
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly tokensPerMonth: number | null
  readonly parallelRequests: number | null
}

/** What a tier allows. */
export interface Tier {
  /** 0 is Free, 1 to 4 are those of La Plateforme; more can be added. */
  readonly tier: number
  /** A model's own name, or `*`: every model that has no row of its own, each by itself. */
  readonly model: string
  /** Of the row `*`: the spend in all above which a subject rises to it; nano-units. Null: only by hand. */
  readonly spendAbove: number | null
  readonly numbers: Partial<LimitNumbers>
}

/**
 * The tiers before an operator changes them. Thresholds are La Plateforme's (docs.mistral.ai, "Rate limits and usage tiers", read on
 * 2026-11-26: Free and Tier 1 by plan, then above 20, 100 and 500 in all), and so is what Free allows (help.mistral.ai, article 225174,
 * read on 2026-11-26). What tiers 1 to 4 allow Mistral shows to customers only: those numbers are ours.
 */
export const usualTiers: readonly Tier[] = [
  tier(0, null, { requestsPerSecond: 1, tokensPerMinute: 500_000, tokensPerMonth: 1_000_000_000 }),
  tier(1, 0, { requestsPerSecond: 5, tokensPerMinute: 2_000_000, tokensPerMonth: 10_000_000_000 }),
  tier(2, 20, { requestsPerSecond: 10, tokensPerMinute: 5_000_000, tokensPerMonth: 50_000_000_000 }),
  tier(3, 100, { requestsPerSecond: 20, tokensPerMinute: 10_000_000, tokensPerMonth: 100_000_000_000 }),
  tier(4, 500, { requestsPerSecond: 50, tokensPerMinute: 20_000_000, tokensPerMonth: 200_000_000_000 }),
]

function tier(number: number, above: number | null, numbers: Partial<LimitNumbers>): Tier {
  return { tier: number, model: '*', spendAbove: above === null ? null : above * nanoPerUnit, numbers }
}

/** The highest tier that a spend leads to. A spend that is exactly a threshold is not above it; the first tier takes no spend. */
export function tierFor(tiers: readonly Tier[], spent: number): number {
  const reached = tiers.filter(
    ({ model, spendAbove }) => model === '*' && spendAbove !== null && (spendAbove === 0 || spent > spendAbove),
  )
  return Math.max(0, ...reached.map((row) => row.tier))
}

/** What a tier allows a model: the model's own row, else the one for all. */
export function tierRow(tiers: readonly Tier[], number: number, model: string): Tier | undefined {
  const rows = tiers.filter((row) => row.tier === number)
  return rows.find((row) => row.model === model) ?? rows.find((row) => row.model === '*')
}
