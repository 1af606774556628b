// Opens the price book over a database and keeps it fresh: what an operator sets on one node counts on all.
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import { createPriceBook, type ExchangeRate, type Prices } from './book.ts'
import type { Currency, Price } from './price.ts'
import { priceStore } from './store.ts'
import type { VendorLists } from './vendors.ts'

/** The prices in force, and the way to change them. */
export interface OpenPrices extends Prices {
  /** What the operator has set and not taken back. */
  readonly operator: ReturnType<typeof priceStore>['operator']
  set(price: Price, now: number): Promise<void>
  /** False where the operator has not set it. */
  withdraw(id: string): Promise<boolean>
  setRate(rate: ExchangeRate, now: number): Promise<void>
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
  const { database, notices } = options
  const store = priceStore(database)
  const book = createPriceBook(options)
  const read = async () => book.replace(await store.operator())
  await read()
  // A read that fails is repeated by the notice of the gap: the database was away.
  const unsubscribe = notices.subscribe(channel, () => void read().catch(() => {}))
  const changed = async (id: string) => {
    await notices.publish(channel, id)
    await read()
  }
  return {
    currency: book.currency,
    priceOf: (model, at) => book.priceOf(model, at),
    operator: store.operator,
    async set(price, now) {
      await store.set(price, now)
      await changed(price.id)
    },
    async withdraw(id) {
      const withdrawn = await store.withdraw(id)
      if (withdrawn) await changed(id)
      return withdrawn
    },
    async setRate(rate, now) {
      await store.setRate(rate, now)
      await changed(rate.id)
    },
    close: unsubscribe,
  }
}
