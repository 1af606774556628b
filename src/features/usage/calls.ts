// Single calls, the newest first, for people who look into one; and what was said in them where that is kept.
import type { Kysely } from 'kysely'
import type { Row, Tables } from '../../database/tables.ts'

/** Which calls. */
export interface CallsQuestion {
  /** Absent: of all workspaces. */
  readonly workspaces?: readonly string[]
  readonly key?: string
  readonly model?: string
  /** Only those that did not end well. */
  readonly failed?: boolean
  /** Only calls before this one, by id. */
  readonly after?: string
  readonly limit: number
}

/** The calls, at most `limit`. */
export async function listCalls(query: Kysely<Tables>, question: CallsQuestion): Promise<readonly Row<'usage'>[]> {
  const { workspaces, key, model, failed, after, limit } = question
  let selected = query.selectFrom('usage').selectAll().orderBy('at', 'desc').orderBy('id', 'desc').limit(limit)
  if (workspaces !== undefined) {
    if (workspaces.length === 0) return []
    selected = selected.where('workspace', 'in', [...workspaces])
  }
  if (key !== undefined) selected = selected.where('key_id', '=', key)
  if (model !== undefined) selected = selected.where('model', '=', model)
  if (failed === true) selected = selected.where('status', '<>', 'ok')
  if (after !== undefined) {
    const last = await query.selectFrom('usage').select(['at', 'id']).where('id', '=', after).executeTakeFirst()
    if (last === undefined) return []
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
