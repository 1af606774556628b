// Computes the costs of the past again with the prices that hold now for that time: rows, their sums, and the balances that follow them.
import { setImmediate as turn } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/connect.ts'
import type { Row, Tables } from '../../database/tables.ts'
import type { CallChange } from '../limits/balances.ts'
import type { Limits } from '../limits/open.ts'
import { localProvider, type Prices } from '../prices/book.ts'
import { costOf } from '../prices/price.ts'
import { keepPrices } from '../prices/store.ts'
import { addToSums } from './store.ts'

/** Which part of the past. Times are milliseconds since 1970. */
export interface RepriceOptions {
  readonly from: number
  /** Exclusive. */
  readonly to: number
  readonly model?: string
  /** Computes and changes nothing. */
  readonly plan: boolean
  readonly signal?: AbortSignal
}

/** What changes for a model in a currency; nano-units. */
export interface Repriced {
  readonly model: string
  readonly currency: 'USD' | 'EUR'
  readonly calls: number
  readonly changed: number
  readonly before: number
  readonly after: number
}

/** The balances that follow the rows: `recharge` joins the transaction in which costs change and moves them by the difference. */
export type Balances = Pick<Limits, 'recharge'>

/** One row before and after. */
interface Change {
  readonly before: Row<'usage'>
  readonly after: Row<'usage'>
}

/** Rows of one transaction. */
const piece = 500

/** Goes through the past in pieces, the oldest first; whoever stops it half-way runs it again. */
export async function reprice(
  database: Pick<Database, 'query' | 'dialect'>,
  prices: Prices,
  options: RepriceOptions,
  balances?: Balances,
): Promise<readonly Repriced[]> {
  const totals = new Map<string, { -readonly [Name in keyof Repriced]: Repriced[Name] }>()
  let last = { at: options.from, id: '' }
  for (let more = true; more && options.signal?.aborted !== true; ) {
    const rows = await database.query.transaction().execute(async (transaction) => {
      const selected = readPiece(transaction, options, last)
      const found = await (database.dialect.rowLocks && !options.plan ? selected.forUpdate() : selected).execute()
      const changes = found.flatMap((row) => changeOf(row, prices) ?? [])
      for (const row of found) addTotal(totals, row, changes.find(({ change }) => change.before.id === row.id)?.change)
      if (!options.plan && changes.length > 0) await write(database.dialect, transaction, changes, balances)
      return found
    })
    last = rows.at(-1) ?? last
    more = rows.length === piece
    // SQLite's reads and writes never wait: others must get a turn.
    await turn()
  }
  return [...totals.values()].sort((one, other) => (one.model < other.model ? -1 : 1))
}

function readPiece(transaction: Kysely<Tables>, options: RepriceOptions, last: { at: number; id: string }) {
  const { to, model } = options
  const selected = transaction
    .selectFrom('usage')
    .selectAll()
    .where('at', '>=', last.at)
    .where('at', '<', to)
    .where(({ or, eb }) => or([eb('at', '>', last.at), eb('id', '>', last.id)]))
    // What is not settled yet is settled with the old price; it belongs to the past a moment later.
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('reservations')
            .select('reservations.id')
            .whereRef('reservations.id', '=', 'usage.id')
            .where('reservations.state', '=', 'open'),
        ),
      ),
    )
    .orderBy('at')
    .orderBy('id')
    .limit(piece)
  return model === undefined ? selected : selected.where('model', '=', model)
}

type Priced = NonNullable<ReturnType<typeof changeOf>>

/** How the row changes; undefined where it does not. */
function changeOf(row: Row<'usage'>, prices: Prices) {
  const { model, provider, at } = row
  const price = prices.priceOf({ name: model, ...(provider !== localProvider && { provider }) }, at) ?? null
  const tokens = {
    promptTokens: row.prompt_tokens,
    cachedTokens: row.cached_tokens,
    completionTokens: row.completion_tokens,
  }
  const cost = price === null ? 0 : costOf(price, tokens, row.class)
  // What never had a price and still has none keeps its currency: nothing is nothing in any.
  const currency = price === null && row.price === null ? row.currency : prices.currency
  if (row.price === (price?.id ?? null) && row.cost === cost && row.currency === currency) return undefined
  return {
    price,
    change: { before: row, after: { ...row, price: price?.id ?? null, cost, currency } } satisfies Change,
  }
}

async function write(
  dialect: Database['dialect'],
  transaction: Kysely<Tables>,
  priced: readonly Priced[],
  balances: Balances | undefined,
): Promise<void> {
  const rows = new Map(priced.flatMap(({ price }) => (price === null ? [] : [[price.id, price] as const])))
  await keepPrices(transaction, [...rows.values()])
  const changes = priced.map(({ change }) => change)
  // One statement for all: the rows are there, so each is the update of a conflict.
  await transaction
    .insertInto('usage')
    .values(changes.map(({ after }) => after))
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet(({ ref }) => ({
        price: ref('excluded.price'),
        cost: ref('excluded.cost'),
        currency: ref('excluded.currency'),
      })),
    )
    .execute()
  // The old row is taken out of the sums and the new one put in: where only the cost differs, only the cost moves.
  const out = changes.map(({ before }) => ({ row: before, sign: -1 }) as const)
  await addToSums(dialect, transaction, [...out, ...changes.map(({ after }) => ({ row: after, sign: 1 }) as const)])
  if (balances === undefined) return
  const payers = await payersOf(transaction, changes)
  await balances.recharge(
    transaction,
    changes.map((change) => chargeChange(change, payers)),
  )
}

/** Keys that count under another's limits, budgets and spend, with that one. */
async function payersOf(transaction: Kysely<Tables>, changes: readonly Change[]): Promise<ReadonlyMap<string, string>> {
  const keys = [...new Set(changes.map(({ before }) => before.key_id))]
  const found = transaction.selectFrom('keys').select(['id', 'payer']).where('id', 'in', keys)
  const rows = await found.where('payer', 'is not', null).execute()
  return new Map(rows.flatMap(({ id, payer }) => (payer === null ? [] : [[id, payer] as const])))
}

function chargeChange({ before, after }: Change, payers: ReadonlyMap<string, string>): CallChange {
  const { id, at, key_id: own, workspace, model, cost } = before
  const key = payers.get(own) ?? own
  return { id, at, key, workspace, model, by: { money: after.cost - cost, tokens: 0 } }
}

function addTotal(
  totals: Map<string, { -readonly [Name in keyof Repriced]: Repriced[Name] }>,
  row: Row<'usage'>,
  change: Change | undefined,
): void {
  const { model } = row
  const currency = change?.after.currency ?? row.currency
  const key = `${model}\n${currency}`
  const total = totals.get(key) ?? { model, currency, calls: 0, changed: 0, before: 0, after: 0 }
  totals.set(key, {
    ...total,
    calls: total.calls + 1,
    changed: total.changed + (change === undefined ? 0 : 1),
    before: total.before + row.cost,
    after: total.after + (change?.after.cost ?? row.cost),
  })
}
