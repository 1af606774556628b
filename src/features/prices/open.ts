// Opens the price book over a database and keeps it fresh: what an operator sets on one node counts on all.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import type { Tables } from '../../database/tables.ts'
import { createPriceBook, type Prices } from './book.ts'
import type { Currency } from './price.ts'
import { readOperator } from './store.ts'
import type { VendorLists } from './vendors.ts'

/** The prices in force. */
export interface OpenPrices extends Prices {
  /** Says on every node, when the transaction commits, that the operator's rows changed. */
  changed(transaction: Kysely<Tables>): Promise<void>
  /** Reads the operator's rows now, so that whoever changed them finds them changed. */
  refresh(): Promise<void>
  close(): void
}

const channel = 'prices'

/** Reads the operator's rows; they are read again whenever any node says that they changed. */
export async function openPrices(options: {
  readonly database: Pick<Database, 'query'>
  readonly notices: Notices
  readonly currency: Currency
  readonly vendors?: VendorLists
}): Promise<OpenPrices> {
  const { database, notices, currency } = options
  const book = createPriceBook(options)
  const refresh = async () => book.replace(await readOperator(database.query))
  await refresh()
  // A read that fails is repeated by the notice of the gap: the database was away.
  const close = notices.subscribe(channel, () => void refresh().catch(() => {}))
  return {
    currency,
    priceOf: (model, at) => book.priceOf(model, at),
    changed: (transaction) => notices.publish(channel, 'changed', { within: transaction }),
    refresh,
    close,
  }
}
