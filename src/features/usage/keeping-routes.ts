// What is kept of usage and what is changed afterwards: a workspace's rules, the costs of the past, estimates.
import type { Static } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Server } from '../../wire/exchange.ts'
import { RepriceReport, RepriceRequest } from '../../wire/prices.ts'
import { readTime } from '../../wire/times.ts'
import { ReconcileReport, ReconcileRequest, UsageSettingsBody, UsageSettingsObject } from '../../wire/usage-report.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import type { Limits } from '../limits/open.ts'
import type { Prices } from '../prices/book.ts'
import { decimal } from '../prices/price.ts'
import { reconcileEstimates } from './reconcile.ts'
import { checkRedaction } from './redaction.ts'
import { reprice } from './reprice.ts'
import type { SettingsBook, UsageSettings } from './settings.ts'
import type { UsageWriter } from './writer.ts'

/** What the routes work with. */
export interface KeepingRoutes {
  readonly acts: Acts
  readonly settings: SettingsBook
  readonly prices: Prices
  readonly writer: Pick<UsageWriter, 'flush'>
  /** The balances that follow the costs; without limits there are none. */
  readonly limits?: Limits
}

const tags = ['usage']

/** Adds the routes. */
export function registerUsageKeeping(server: Server, parts: KeepingRoutes): void {
  registerSettings(server, parts)
  registerReprice(server, parts)
  if (parts.limits !== undefined) registerReconcile(server, { ...parts, limits: parts.limits })
}

function registerSettings(server: Server, { acts, settings }: KeepingRoutes): void {
  const path = '/galerne/v1/workspaces/:workspace/usage-settings'
  server.get(
    path,
    {
      config: { permission: 'usage.read' },
      schema: { tags, summary: 'What the workspace keeps of its calls', response: { 200: UsageSettingsObject } },
    },
    async ({ params }) => {
      const { workspace } = params as { workspace: string }
      return settingsObject(workspace, settings.of(workspace))
    },
  )
  server.put(
    path,
    {
      config: { permission: 'workspaces.write' },
      schema: {
        tags,
        summary: 'Say what the workspace keeps of its calls, and how long',
        description:
          'What is absent stays as it is. Days count from the call; what is older is deleted within an hour. Rules of redaction hold from the next call on.',
        body: UsageSettingsBody,
        response: { 200: UsageSettingsObject },
      },
    },
    async (request) => {
      const { workspace } = request.params as { workspace: string }
      const after = changed(settings.of(workspace), request.body)
      checkRedaction(after.redaction)
      await acts.run(actorOf(request), async (transaction, note) => {
        const known = await transaction
          .selectFrom('workspaces')
          .select('id')
          .where('id', '=', workspace)
          .executeTakeFirst()
        if (known === undefined) throw fail('not_found', { what: 'workspace', id: workspace.slice(0, 100) })
        await settings.set(transaction, workspace, after, request.exchange.clock.now())
        note({
          action: 'usage_settings.updated',
          workspace,
          target: { kind: 'workspace', id: workspace },
          details: { ...after },
        })
      })
      await settings.refresh()
      return settingsObject(workspace, after)
    },
  )
}

/** What is absent stays as it is. */
function changed(before: UsageSettings, body: Static<typeof UsageSettingsBody>): UsageSettings {
  const days = (asked: number | null | undefined, now: number | null) => (asked === undefined ? now : asked)
  const { redaction } = body
  return {
    keepContent: body.keep_content ?? before.keepContent,
    contentByRequest: body.content_by_request ?? before.contentByRequest,
    rowDays: days(body.row_days, before.rowDays),
    contentDays: days(body.content_days, before.contentDays),
    traceDays: days(body.trace_days, before.traceDays),
    redaction:
      redaction === undefined
        ? before.redaction
        : { presets: redaction.presets ?? [], patterns: redaction.patterns ?? [] },
  }
}

function settingsObject(workspace: string, settings: UsageSettings): Static<typeof UsageSettingsObject> {
  const { keepContent, contentByRequest, rowDays, contentDays, traceDays, redaction } = settings
  return {
    object: 'usage.settings',
    workspace,
    keep_content: keepContent,
    content_by_request: contentByRequest,
    row_days: rowDays,
    content_days: contentDays,
    trace_days: traceDays,
    redaction: { presets: [...redaction.presets], patterns: [...redaction.patterns] },
  }
}

function registerReprice(server: Server, { acts, prices, writer, limits }: KeepingRoutes): void {
  server.post(
    '/galerne/v1/reprice',
    {
      config: { permission: 'prices.write' },
      schema: {
        tags: ['prices'],
        summary: 'Compute the costs of the past again',
        description:
          'With the prices that hold now for that time; sums, budgets and tiers move by the difference. `plan` says what would change. Whoever is cut off runs it again.',
        body: RepriceRequest,
        response: { 200: RepriceReport },
      },
    },
    async (request) => {
      const { body, exchange } = request
      const plan = body.plan === true
      const from = body.from == null ? 0 : readTime(body.from, 'from')
      const to = body.to == null ? exchange.clock.now() + 1 : readTime(body.to, 'to')
      if (from >= to) throw fail('invalid_value', { param: 'from', reason: 'it must lie before to' })
      await Promise.all([writer.flush(), limits?.ledger.flush()])
      const options = { from, to, plan, signal: exchange.signal, ...(body.model != null && { model: body.model }) }
      if (!plan) await noteReprice(acts, request, { from, to, model: body.model ?? null })
      const totals = await reprice(acts.database, prices, options, limits)
      const iso = (time: number) => new Date(time).toISOString()
      return {
        ...{ object: 'reprice' as const, plan, from: from === 0 ? null : iso(from), to: iso(to) },
        data: totals.map(({ model, currency, calls, changed, before, after }) => ({
          ...{ model, currency, calls, changed, before: decimal(before, 9), after: decimal(after, 9) },
          difference: decimal(after - before, 9),
        })),
      }
    },
  )
}

/** Before the work: it is many transactions, and the log must know of it even where the last one never comes. */
async function noteReprice(acts: Acts, request: Parameters<typeof actorOf>[0], details: object): Promise<void> {
  await acts.run(actorOf(request), async (_, note) => {
    note({ action: 'usage.repriced', target: { kind: 'usage', id: 'costs' }, details: { ...details } })
  })
}

// A node that only stood still finds its way back long before.
const settlingMs = 3_600_000

function registerReconcile(
  server: Server,
  { acts, writer, limits }: KeepingRoutes & { readonly limits: Limits },
): void {
  server.post(
    '/galerne/v1/usage/reconcile',
    {
      config: { permission: 'prices.write' },
      schema: {
        tags,
        summary: 'End the estimates of calls whose server died',
        description:
          'They are charged as reserved. True costs take their place where somebody saw the call, which also happens by itself every minute. With `release` the others that are older than an hour are charged with nothing.',
        body: ReconcileRequest,
        response: { 200: ReconcileReport },
      },
    },
    async (request) => {
      await writer.flush()
      const { release } = request.body
      const releaseBefore = release === true ? { releaseBefore: request.exchange.clock.now() - settlingMs } : {}
      const counts = await reconcileEstimates(
        { database: acts.database, limits },
        { ...releaseBefore, signal: request.exchange.signal },
      )
      if (counts.reconciled + counts.released > 0) {
        await acts.run(actorOf(request), async (_, note) => {
          note({ action: 'usage.reconciled', target: { kind: 'usage', id: 'estimates' }, details: { ...counts } })
        })
      }
      return { object: 'usage.reconciled' as const, ...counts }
    },
  )
}
