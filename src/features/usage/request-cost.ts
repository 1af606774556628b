// What some requests have cost so far, and whether one is counted whole, as their rows say. Knows no price.
import type { Database } from '../../database/connect.ts'

/** Money of requests. */
export interface RequestCost {
  /** Nano-units of the currency, an integer. */
  readonly cost: number
  /** Null where nothing was counted. */
  readonly currency: string | null
}

/** The sum over all calls of the requests; every attempt at a line of a batch is a request of its own. */
export async function costOfRequests(query: Database['query'], requestIds: readonly string[]): Promise<RequestCost> {
  const sum = await query
    .selectFrom('usage')
    .select(({ fn }) => [fn.sum<number | string | null>('cost').as('cost'), fn.max('currency').as('currency')])
    .where('request_id', 'in', requestIds)
    .executeTakeFirstOrThrow()
  return { cost: Number(sum.cost ?? 0), currency: sum.currency ?? null }
}

/** Whether a request was answered whole and counted, though its answer may have been lost with the server that gave it. */
export async function isCountedWhole(query: Database['query'], requestId: string): Promise<boolean> {
  const rows = await query.selectFrom('usage').select('status').where('request_id', '=', requestId).execute()
  return rows.length > 0 && rows.every(({ status }) => status === 'ok')
}
