// Opens what is kept of calls: usage, limits and budgets, traces.
import { type Money, openMoney } from '../features/budgets/open.ts'
import { openTraces, type Traces } from '../features/traces/open.ts'
import { openExporter } from '../features/traces/open-exporter.ts'
import { spanRedactor } from '../features/traces/redact.ts'
import { startTraceRetention } from '../features/traces/retention.ts'
import { estimatedRecord, knownCosts } from '../features/usage/estimated.ts'
import { type OpenUsage, openUsage } from '../features/usage/open.ts'
import { startReconciling } from '../features/usage/reconcile.ts'
import type { Ground } from './ground.ts'
import type { Store } from './store.ts'

/** The books of a server. */
export interface Accounts {
  readonly usage: OpenUsage
  readonly money: Money
  readonly traces: Traces
}

/** Opens them. */
export async function openAccounts(ground: Ground, { database, notices, reader }: Store): Promise<Accounts> {
  const { config, log, clock, environment, egress, opened } = ground
  const usage = await openUsage({ ...config, database, reader, notices, clock, log })
  opened.push(() => usage.close())
  const { keepsContent, writer } = usage
  const money = await openMoney({
    ...{ database, notices, clock, log, knownCosts, egress, currency: config.currency, alerting: config },
    onEstimated: (calls) => writer.write(calls.map(estimatedRecord)),
  })
  opened.push(() => money.stop())
  const reconciling = await startReconciling({ database, limits: money.limits, clock, log })
  opened.push(() => reconciling.stop())
  const exporter = await openExporter(config, { egress, log, environment })
  const redact = spanRedactor(usage)
  const traces = openTraces({ database, reader, clock, log, keepsContent, redact, ...(exporter && { exporter }) })
  opened.push(() => traces.close())
  const { store } = traces
  const retention = await startTraceRetention({ database, clock, log, store, settings: usage.settings })
  opened.push(() => retention.stop())
  return { usage, money, traces }
}
