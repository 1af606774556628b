// What people think of answers: kept by the id of the answer, shown with its trace.

import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Database } from '../../database/connect.ts'
import type { NewRow, Row } from '../../database/tables.ts'

/** What somebody says. */
export interface NewFeedback {
  readonly workspace: string
  readonly key: string
  readonly responseId: string
  readonly name: string
  readonly score: number | null
  readonly label: string | null
  readonly comment: string | null
}

/** The queries on feedback. */
export interface FeedbackStore {
  /** Keeps it; throws `not_found` where the workspace has no answer with this id, and `invalid_value` where nothing is said. */
  add(feedback: NewFeedback): Promise<Row<'feedback'>>
  /** Everything said of these answers, the oldest first. */
  of(workspace: string, responseIds: readonly string[]): Promise<readonly Row<'feedback'>[]>
}

/** The store over an open database. `settled` resolves when the spans recorded until now are written. */
export function feedbackStore(
  { query }: Pick<Database, 'query'>,
  clock: Clock,
  settled: () => Promise<void>,
): FeedbackStore {
  const isKnown = async (workspace: string, responseId: string) =>
    (await query
      .selectFrom('spans')
      .select('span_id')
      .where('workspace', '=', workspace)
      .where('response_id', '=', responseId)
      .limit(1)
      .executeTakeFirst()) !== undefined
  return {
    async add({ workspace, key, responseId, name, score, label, comment }) {
      if (score === null && label === null && comment === null) {
        throw fail('invalid_value', { param: 'score', reason: 'one of score, label and comment must be there' })
      }
      if (!(await isKnown(workspace, responseId))) {
        // The answer may be a moment old, and its span on its way.
        await settled()
        if (!(await isKnown(workspace, responseId))) {
          throw fail('not_found', { what: 'answer', id: responseId, param: 'response_id' })
        }
      }
      const row: NewRow<'feedback'> = {
        ...{ id: newId('feedback', clock), workspace, response_id: responseId, name, score, label, comment },
        ...{ key_id: key, created_at: clock.now() },
      }
      return await query.insertInto('feedback').values(row).returningAll().executeTakeFirstOrThrow()
    },
    async of(workspace, responseIds) {
      if (responseIds.length === 0) return []
      return await query
        .selectFrom('feedback')
        .selectAll()
        .where('workspace', '=', workspace)
        .where('response_id', 'in', [...responseIds])
        .orderBy('created_at')
        .execute()
    },
  }
}
