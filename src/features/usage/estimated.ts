// Usage of calls whose node died: the rows that were written before the end, and rows of what was reserved for the others.
import type { ExpressionBuilder } from 'kysely'
import type { Tables } from '../../database/tables.ts'
import type { CallContext } from '../../wire/model.ts'
import type { Amounts } from '../limits/account.ts'
import type { EstimatedCall } from '../limits/ledger-reclaim.ts'
import type { Transaction } from '../limits/ledger-store.ts'
import { localProvider } from '../prices/book.ts'
import type { Currency, Price } from '../prices/price.ts'
import type { UsageRecord, UsageRow } from './row.ts'

/** What a reservation keeps for the row of its call. */
export interface ReservedDetails {
  readonly requestId: string
  readonly operation: UsageRow['operation']
  readonly class: CallContext['class']
  /** Absent where an earlier version reserved: then it is the key that pays. */
  readonly key?: string
  readonly user: string | null
  readonly endUser: string | null
  readonly digest: string | null
  readonly price: Price | null
  readonly currency: Currency
  readonly promptTokens: number
  readonly completionTokens: number
}

/** The row of a call that was charged as reserved. */
export function estimatedRecord(call: EstimatedCall): UsageRecord {
  const details = JSON.parse(call.details) as ReservedDetails
  const { requestId, operation, digest, price, currency, promptTokens, completionTokens } = details
  return {
    row: {
      id: call.id,
      requestId,
      at: call.at,
      workspace: call.workspace,
      key: details.key ?? call.key,
      member: details.user,
      endUser: details.endUser,
      operation,
      class: details.class,
      model: call.model,
      provider: localProvider,
      digest,
      ranOn: null,
      ...{ promptTokens, cachedTokens: 0, completionTokens, reasoningTokens: 0 },
      ...{ price, currency, cost: call.money },
      ...{ queueMs: null, firstTokenMs: null, durationMs: 0 },
      status: 'engine_failed',
      finishReason: null,
      estimated: true,
    },
  }
}

/** Rows of calls that a node saw: what was only reserved ran nowhere. */
export const wasSeen = ({ or, eb }: ExpressionBuilder<Tables, 'usage'>) =>
  or([eb('usage.estimated', '=', 0), eb('usage.ran_on', 'is not', null)])

/** What calls cost whose rows were written by a node that saw them. */
export async function knownCosts(
  transaction: Transaction,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Amounts>> {
  if (ids.length === 0) return new Map()
  const rows = await transaction
    .selectFrom('usage')
    .select(['id', 'cost', 'prompt_tokens', 'completion_tokens'])
    .where('id', 'in', [...ids])
    .where(wasSeen)
    .execute()
  return new Map(
    rows.map(({ id, cost, prompt_tokens, completion_tokens }) => [
      id,
      { money: cost, tokens: prompt_tokens + completion_tokens },
    ]),
  )
}
