// Adds the routes of usage, costs and prices. Knows which there are, and nothing of what they do.
import type { Kysely } from 'kysely'
import type { Tables } from '../database/tables.ts'
import type { Acts } from '../features/audit/acts.ts'
import type { Limits } from '../features/limits/open.ts'
import { familyOf } from '../features/models/name.ts'
import type { Registry } from '../features/models/registry.ts'
import type { OpenPrices } from '../features/prices/open.ts'
import { registerPrices } from '../features/prices/routes.ts'
import { registerUsageKeeping } from '../features/usage/keeping-routes.ts'
import { measuredThroughput } from '../features/usage/measured.ts'
import { registerMonthUsage } from '../features/usage/month.ts'
import { registerOrganizationUsage } from '../features/usage/organization-routes.ts'
import { registerUsage } from '../features/usage/routes.ts'
import type { SettingsBook } from '../features/usage/settings.ts'
import type { UsageWriter } from '../features/usage/writer.ts'
import type { Server } from '../wire/exchange.ts'

/** What usage is read from, and changed through. */
export interface Accounting {
  /** Reads reports, beside the server's own queries. */
  readonly query: Kysely<Tables>
  readonly prices: OpenPrices
  readonly settings: SettingsBook
  readonly writer: UsageWriter
  /** The balances that follow costs. */
  readonly limits?: Limits
}

/** Adds them all. */
export function registerAccounting(server: Server, accounting: Accounting, acts: Acts, registry: Registry): void {
  const { query, prices } = accounting
  registerUsage(server, accounting)
  registerOrganizationUsage(server, accounting)
  registerMonthUsage(server, accounting)
  registerUsageKeeping(server, { ...accounting, acts })
  registerPrices(server, {
    prices,
    acts,
    // A version costs what its model costs.
    list: (access) => registry.list(access).filter(({ name }) => familyOf(name) === name),
    measured: (model, now) => measuredThroughput(query, model, now),
  })
}
