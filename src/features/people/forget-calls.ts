// Forgets who called models: what was said goes, the counts and times stay and name nobody. In pieces, so that nobody waits long.
import { setImmediate as turn } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/connect.ts'
import type { Row, Tables } from '../../database/tables.ts'

/** Where calls are found and changed. */
export interface Places {
  readonly database: Database
  /** Finds, beside the server's own queries. */
  readonly search: Kysely<Tables>
}

/** Whose calls: by their names (ids, an address), and by the keys that were theirs. */
export interface Whose {
  readonly names: readonly string[]
  readonly keys: readonly string[]
}

/** What was forgotten. */
export interface ForgottenCalls {
  /** Rows of usage that no longer name the person. */
  readonly calls: number
  /** Texts that are gone. */
  readonly contents: number
  /** Spans of traces that no longer name the person. */
  readonly spans: number
}

/** Rows of one transaction: it holds SQLite's only write lock for a few milliseconds. */
const piece = 200

/** Forgets them everywhere that calls are kept. */
export async function forgetCalls(places: Places, whose: Whose): Promise<ForgottenCalls> {
  const usage = await forgetUsage(places.database.query, whose.names)
  const traces = await forgetSpans(places, whose)
  await forgetReservations(places, whose.names)
  return { calls: usage.calls, contents: usage.contents + traces.contents, spans: traces.spans }
}

/** Sums never named anybody. */
async function forgetUsage(query: Kysely<Tables>, names: readonly string[]) {
  const forgotten = { calls: 0, contents: 0 }
  for (const column of ['member', 'end_user'] as const) {
    for (let count = piece; count === piece; ) {
      const theirs = query
        .selectFrom('usage')
        .select('id')
        .where(column, 'in', [...names])
        .limit(piece)
      const ids = (await theirs.execute()).map(({ id }) => id)
      count = ids.length
      if (count === 0) break
      await query.transaction().execute(async (transaction) => {
        const texts = await transaction.deleteFrom('usage_contents').where('id', 'in', ids).executeTakeFirst()
        await transaction
          .updateTable('usage')
          .set({ [column]: null })
          .where('id', 'in', ids)
          .execute()
        forgotten.contents += Number(texts.numDeletedRows)
      })
      forgotten.calls += count
      await turn()
    }
  }
  return forgotten
}

type SpanKey = Pick<Row<'spans'>, 'workspace' | 'trace_id' | 'span_id'>

async function forgetSpans({ database: { query }, search }: Places, { names, keys }: Whose) {
  const forgotten = { spans: 0, contents: 0 }
  const theirs = await search
    .selectFrom('spans')
    .select(['workspace', 'trace_id', 'span_id'])
    .where(({ or, eb }) =>
      or([eb('user_name', 'in', [...names]), ...(keys.length > 0 ? [eb('key_id', 'in', [...keys])] : [])]),
    )
    .execute()
  for (let from = 0; from < theirs.length; from += piece) {
    const some = theirs.slice(from, from + piece)
    await query.transaction().execute(async (transaction) => {
      for (const key of some) forgotten.contents += await forgetSpan(transaction, key, names)
    })
    forgotten.spans += some.length
    await turn()
  }
  const left = keys.length > 0 ? await forgetJudgements(query, keys) : 0
  return { spans: forgotten.spans, contents: forgotten.contents + left }
}

/** Texts of one span that are gone. */
async function forgetSpan(transaction: Kysely<Tables>, key: SpanKey, names: readonly string[]): Promise<number> {
  const { workspace, trace_id, span_id } = key
  const spans = transaction
    .selectFrom('spans')
    .select(['attributes', 'user_name'])
    .where('workspace', '=', workspace)
    .where('trace_id', '=', trace_id)
    .where('span_id', '=', span_id)
  const span = await spans.executeTakeFirst()
  // Deleted meanwhile: it was old.
  if (span === undefined) return 0
  const nobody = span.user_name !== null && names.includes(span.user_name) ? null : span.user_name
  await transaction
    .updateTable('spans')
    .set({ user_name: nobody, attributes: without(span.attributes, names), events: '[]' })
    .where('workspace', '=', workspace)
    .where('trace_id', '=', trace_id)
    .where('span_id', '=', span_id)
    .execute()
  await transaction
    .updateTable('traces')
    .set({ user_name: null })
    .where('workspace', '=', workspace)
    .where('trace_id', '=', trace_id)
    .where('user_name', 'in', [...names])
    .execute()
  const texts = await transaction
    .deleteFrom('span_contents')
    .where('workspace', '=', workspace)
    .where('trace_id', '=', trace_id)
    .where('span_id', '=', span_id)
    .executeTakeFirst()
  return Number(texts.numDeletedRows)
}

/** A JSON object without the values that are one of the names. */
function without(attributes: string, names: readonly string[]): string {
  const facts = Object.entries(JSON.parse(attributes) as Record<string, unknown>)
  return JSON.stringify(Object.fromEntries(facts.filter(([, value]) => !names.some((name) => name === value))))
}

/** What they wrote about answers; how many remarks that were. */
async function forgetJudgements(query: Kysely<Tables>, keys: readonly string[]): Promise<number> {
  const changed = await query
    .updateTable('feedback')
    .set({ comment: null })
    .where('key_id', 'in', [...keys])
    .where('comment', 'is not', null)
    .executeTakeFirst()
  return Number(changed.numUpdatedRows)
}

/** What a reservation keeps for the case that its node dies: of calls of the last two days. */
async function forgetReservations({ database: { query }, search }: Places, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const written = `%${JSON.stringify(name)}%`
    const rows = await search
      .selectFrom('reservations')
      .select(['id', 'details'])
      .where('details', 'like', written)
      .execute()
    for (const { id, details } of rows) {
      const kept = without(details, names)
      await query.updateTable('reservations').set({ details: kept }).where('id', '=', id).execute()
    }
  }
}
