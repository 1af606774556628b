// Rates from counters read twice. Pure.
import type { Static } from 'typebox'
import type { OverviewObject } from '../../../../src/wire/overview.ts'

/** Tokens generated a second. */
export interface Rates {
  /** Over all models; undefined at the first reading. */
  readonly total: number | undefined
  /** By model. */
  readonly generated: ReadonlyMap<string, number>
}

type Overview = Static<typeof OverviewObject>

/** The rates between two readings. A counter that fell was begun anew by a restart, and says nothing once. */
export function ratesOf(before: Overview | undefined, now: Overview): Rates {
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1000
  if (before === undefined || seconds <= 0) return { total: undefined, generated: new Map() }
  const generated = new Map<string, number>()
  for (const { model, generated_tokens: tokens } of now.models) {
    const then = before.models.find((other) => other.model === model)?.generated_tokens
    if (then !== undefined && tokens >= then) generated.set(model, (tokens - then) / seconds)
  }
  return { total: [...generated.values()].reduce((sum, rate) => sum + rate, 0), generated }
}
