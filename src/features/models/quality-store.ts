// What was measured of weights, by their digest: perplexity on a text, accuracy on a task set. Rows are only added; the newest counts.
import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import type { Tables } from '../../database/tables.ts'
import type { Quality } from './canary.ts'

/** One measurement. */
export interface QualityResult extends Quality {
  readonly id: string
  /** Where the figures are from, in words. */
  readonly note: string | null
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Keeps a measurement, within the transaction of whoever made it. */
export async function addQuality(
  transaction: Kysely<Tables>,
  result: Quality & { readonly note?: string | null },
  clock: Clock,
): Promise<QualityResult> {
  const { digest, perplexity, accuracy, textSha256, note = null } = result
  const row = { id: newId('quality', clock), digest, perplexity, accuracy, textSha256, note, at: clock.now() }
  const { textSha256: text_sha256, ...columns } = row
  await transaction
    .insertInto('model_quality')
    .values({ ...columns, text_sha256 })
    .execute()
  return row
}

/** What was measured of these weights, the newest first, of all weights without a digest; what is before `after`, an id. */
export async function readQuality(
  query: Kysely<Tables>,
  digest: string | undefined,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number } = { limit: 100 },
): Promise<readonly QualityResult[]> {
  let rows = query.selectFrom('model_quality').selectAll().orderBy('id', 'desc').limit(limit)
  if (digest !== undefined) rows = rows.where('digest', '=', digest)
  if (after !== undefined) rows = rows.where('id', '<', after)
  return (await rows.execute()).map(({ text_sha256: textSha256, ...row }) => ({ ...row, textSha256 }))
}
