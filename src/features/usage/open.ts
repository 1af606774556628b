// Opens everything that counts: prices, each workspace's rules, the writer of rows, the reader of reports, the deletion of what is old.
import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import type { Reader } from '../../database/reader.ts'
import type { Tables } from '../../database/tables.ts'
import { createQueue } from '../../queue/queue.ts'
import type { JobTables } from '../../queue/table.ts'
import { type OpenPrices, openPrices } from '../prices/open.ts'
import type { Currency } from '../prices/price.ts'
import { loadVendorLists } from '../prices/vendors.ts'
import { openUsageJournal } from './journal.ts'
import type { Metering } from './meter.ts'
import { startRetention } from './retention.ts'
import type { UsageRecord } from './row.ts'
import { openSettings, type SettingsBook } from './settings.ts'
import { writeUsage } from './store.ts'
import { createUsageWriter } from './writer.ts'

/** What counts, open. The registry takes it as its metering, the server for its routes. */
export interface OpenUsage extends Metering {
  readonly prices: OpenPrices
  readonly settings: SettingsBook
  /** Reads reports, beside the server's own queries. */
  readonly query: Kysely<Tables>
  /** Writes what is left, after the last call has ended. */
  close(): Promise<void>
}

/** Opens it over a database. */
export async function openUsage(parts: {
  readonly database: Database
  /** Reads reports, beside the server's own queries. */
  readonly reader: Reader
  readonly notices: Notices
  readonly currency: Currency
  readonly clock: Clock
  readonly log: Log
  /** Where rows are kept over a SIGKILL; without it they are not. */
  readonly home?: string
}): Promise<OpenUsage> {
  const { database, reader, notices, currency, clock, log, home } = parts
  const vendors = await loadVendorLists()
  const prices = await openPrices({ database, notices, currency, vendors })
  const settings = await openSettings(database, notices)
  const write = (records: readonly UsageRecord[]) => writeUsage(database, records)
  const journal = home === undefined ? undefined : await openUsageJournal(home, { write, log })
  const writer = createUsageWriter({ ...parts, ...(journal !== undefined && { journal }) })
  const jobs = database.query.$extendTables<JobTables>().$pickTables<'jobs'>()
  const queue = createQueue({ query: jobs, dialect: database.dialect, clock })
  const retention = await startRetention({ query: database.query, queue, settings: settings.all, clock, log })
  return {
    writer,
    prices,
    settings,
    query: reader.query,
    keepsContent: (workspace) => settings.of(workspace).keepContent,
    async close() {
      prices.close()
      settings.close()
      await retention.stop()
      await writer.stop()
    },
  }
}
