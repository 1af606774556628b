// Opens everything that counts: prices, each workspace's rules, the writer of rows, the reader of reports, the deletion of what is old.

import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import type { Reader } from '../../database/reader.ts'
import type { Tables } from '../../database/tables.ts'
import { startRecurring } from '../../queue/recurring.ts'
import type { JobTables } from '../../queue/table.ts'
import { type OpenPrices, openPrices } from '../prices/open.ts'
import type { Currency } from '../prices/price.ts'
import { vendorLists } from '../prices/vendors.ts'
import { openUsageJournal } from './journal.ts'
import { redactedContents } from './redacted-contents.ts'
import { createRedactor, type Redactor } from './redactor.ts'
import { deleteOld } from './retention.ts'
import type { UsageRecord } from './row.ts'
import { isContentKept, openSettings, type SettingsBook } from './settings.ts'
import { writeUsage } from './store.ts'
import type { Metering } from './tally.ts'
import { createUsageWriter } from './writer.ts'

/** What counts, open. The registry takes it as its metering, the server for its routes. */
export interface OpenUsage extends Metering {
  readonly prices: OpenPrices
  readonly settings: SettingsBook
  /** Blacks out what was said, by the rules of `settings`. */
  readonly redactor: Redactor
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
  const prices = await openPrices({ database, notices, currency, vendors: vendorLists() })
  const settings = await openSettings(database, notices)
  const write = (records: readonly UsageRecord[]) => writeUsage(database, records)
  const journal = home === undefined ? undefined : await openUsageJournal(home, { write, log })
  const writer = createUsageWriter({ ...parts, ...(journal !== undefined && { journal }) })
  const redactor = createRedactor()
  const redacted = redactedContents({ database, settings, redactor, log })
  const retention = await startRecurring({
    ...{ query: database.query.$extendTables<JobTables>().$pickTables<'jobs'>(), dialect: database.dialect, clock },
    kind: 'usage-retention',
    run: async (signal) => {
      const deleted = await deleteOld(database.query, settings.all(), clock.now(), signal)
      if (deleted.rows + deleted.contents + deleted.sums > 0) log.info(deleted, 'old usage deleted')
    },
    onError: (error) => log.warn({ error }, 'old usage could not be deleted; it is tried again'),
  })
  return {
    writer: {
      ...writer,
      async flush() {
        await redacted.settled()
        await writer.flush()
      },
    },
    redactor,
    prices,
    settings,
    query: reader.query,
    keepsContent: (workspace, asked) => isContentKept(settings.of(workspace), asked),
    takeContent: redacted.take,
    async close() {
      prices.close()
      settings.close()
      await retention.stop()
      await redacted.settled()
      await redactor.stop()
      await writer.stop()
    },
  }
}
