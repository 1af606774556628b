// Single calls, the newest first, for people who look into one; and what was said in them where that is kept.
import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import type { Row, Tables } from '../../database/tables.ts'
import { batchMark } from './batch-calls.ts'
import { shadowName } from './row.ts'

/** Which calls. */
export interface CallsQuestion {
  /** Those that began from here on, and before `to`; milliseconds since 1970. */
  readonly from?: number
  readonly to?: number
  /** Only these; absent: all. */
  readonly workspaces?: readonly string[]
  readonly keys?: readonly string[]
  readonly models?: readonly string[]
  readonly class?: 'interactive' | 'batch'
  /** False: without the copies that aliases send to shadows. */
  readonly shadows?: boolean
  /** Id of the request that made them. */
  readonly request?: string
  /** Id of the batch that they are lines of. */
  readonly batch?: string
  /** Only those that an error ended, as sums count them. */
  readonly failed?: boolean
  /** Only calls before this one, by id. Throws a 400 where there is none. */
  readonly after?: string | undefined
  readonly limit: number
}

/** The calls, at most `limit`. */
export async function listCalls(query: Kysely<Tables>, question: CallsQuestion): Promise<readonly Row<'usage'>[]> {
  const { from, to, workspaces, keys, models, failed, after, limit } = question
  let selected = query.selectFrom('usage').selectAll().orderBy('at', 'desc').orderBy('id', 'desc').limit(limit)
  if (workspaces?.length === 0) return []
  if (workspaces !== undefined) selected = selected.where('workspace', 'in', [...workspaces])
  if (keys !== undefined) selected = selected.where('key_id', 'in', [...keys])
  if (models !== undefined) selected = selected.where('model', 'in', [...models])
  if (question.request !== undefined) selected = selected.where('request_id', '=', question.request)
  if (question.batch !== undefined) {
    const mark = batchMark(question.batch)
    selected = selected.where('request_id', '>=', mark).where('request_id', '<', `${mark}g`)
  }
  if (question.class !== undefined) selected = selected.where('class', '=', question.class)
  if (question.shadows === false) selected = selected.where('workspace', '<>', shadowName)
  if (from !== undefined) selected = selected.where('at', '>=', from)
  if (to !== undefined) selected = selected.where('at', '<', to)
  // The first condition alone is that of the index.
  if (failed === true) selected = selected.where('status', '<>', 'ok').where('status', '<>', 'abandoned')
  if (after !== undefined) {
    const last = await query.selectFrom('usage').select(['at', 'id']).where('id', '=', after).executeTakeFirst()
    if (last === undefined) throw fail('invalid_value', { param: 'after', reason: 'there is no call with this id' })
    // The first condition alone walks the index; the second tells apart what began in the same millisecond.
    selected = selected
      .where('at', '<=', last.at)
      .where(({ or, eb }) => or([eb('at', '<', last.at), eb('id', '<', last.id)]))
  }
  return await selected.execute()
}

/** One call with its content; undefined where those workspaces have none with this id. */
export async function findCall(
  query: Kysely<Tables>,
  id: string,
  workspaces: readonly string[] | undefined,
): Promise<{ readonly call: Row<'usage'>; readonly content: Row<'usage_contents'> | undefined } | undefined> {
  const call = await query.selectFrom('usage').selectAll().where('id', '=', id).executeTakeFirst()
  if (call === undefined || (workspaces !== undefined && !workspaces.includes(call.workspace))) return undefined
  const content = await query.selectFrom('usage_contents').selectAll().where('id', '=', id).executeTakeFirst()
  return { call, content }
}
