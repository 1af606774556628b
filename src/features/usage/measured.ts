// How fast a model has been seen to work: the most tokens read, and written, in one minute of the last 30 days.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../database/tables.ts'
import { sumWidths } from './store.ts'

const days = 30

/** Tokens per second at the busiest; undefined where the model has not been called. */
export async function measuredThroughput(
  query: Kysely<Tables>,
  model: string,
  now: number,
): Promise<{ readonly input: number; readonly output: number } | undefined> {
  const minutes = query
    .selectFrom('usage_totals')
    .where('width', '=', sumWidths.minute)
    .where('start', '>=', now - days * sumWidths.day)
    .where('model', '=', model)
    .groupBy('start')
    .select([
      sql<number>`cast(sum(prompt_tokens - cached_tokens) as bigint)`.as('input'),
      sql<number>`cast(sum(completion_tokens) as bigint)`.as('output'),
    ])
  const busiest = await query
    .selectFrom(minutes.as('minutes'))
    .select(({ fn }) => [fn.max<number | null>('input').as('input'), fn.max<number | null>('output').as('output')])
    .executeTakeFirst()
  if (busiest?.input == null || busiest.output == null) return undefined
  return { input: busiest.input / 60, output: busiest.output / 60 }
}
