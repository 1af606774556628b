// Budgets under our own path, and Mistral's /v1/admin/spend-limit: the organisation's hard budget of the month.
import type { Static } from 'typebox'
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import {
  BudgetList,
  BudgetObject,
  idParams,
  MistralSpendLimits,
  NewSpendLimit,
  PutBudget,
  RotateWebhookSecret,
} from '../../wire/limit-objects.ts'
import { ListQuery, pageOf, readPaging } from '../../wire/paging.ts'
import { seconds } from '../../wire/times.ts'
import { actorOf } from '../audit/record.ts'
import { demandParty, keysUnder, partyOf, visibleParties } from '../limits/access.ts'
import { organisation, type Scope } from '../limits/account.ts'
import { windowAt } from '../limits/calendar.ts'
import { limitStore } from '../limits/store.ts'
import { nanoPerUnit } from '../prices/price.ts'
import {
  type BudgetParts,
  changeBudget,
  createBudget,
  removeBudget,
  rotateWebhookSecret,
  type WantedBudget,
} from './change.ts'
import { type RaisedAlert, raisedAlerts } from './raised.ts'
import { type Budget, type BudgetStanding, budgetStore } from './store.ts'

/** What the routes need. */
export interface BudgetRoutes extends BudgetParts {
  readonly currency: string
}

const tags = ['budgets']
const reading = { permission: 'limits.read' } as const
const usualThresholds = [50, 80, 100]
const dayMs = 86_400_000

/** Adds the routes. */
export function registerBudgets(server: Server, parts: BudgetRoutes): void {
  const { acts, currency } = parts
  const { query } = acts.database
  const store = budgetStore(acts.database)
  const shownAll = async (budgets: readonly Budget[]) => {
    const standings = await store.standings(budgets, acts.clock.now())
    const ofKeys = budgets.flatMap(({ scope, subject }) => (scope === 'key' ? [subject] : []))
    const keys = await keysUnder(query, ofKeys)
    return Promise.all(
      standings.map(async (standing) => {
        const alerts = await raisedAlerts(acts.database, standing)
        return { ...budgetObject(standing, alerts, currency), keys: keys.get(standing.budget.subject) ?? null }
      }),
    )
  }
  const shown = async (budget: Budget) => (await shownAll([budget]))[0] as Static<typeof BudgetObject>
  /** With the webhook's secret, where it is a new one: the only answer that ever holds it. */
  const shownNew = async (budget: Budget, before?: Budget) => {
    const { webhookKey: key } = budget
    const isNew = key !== null && key.seed !== before?.webhookKey?.seed
    const secret = isNew ? parts.ways.webhooks?.secretOf(key) : undefined
    return { ...(await shown(budget)), ...(secret !== undefined && { webhook_secret: secret }) }
  }
  const known = async (id: string, caller: Caller) => {
    const budget = await store.byId(id)
    if (budget === undefined) throw fail('not_found', { what: 'budget', id: id.slice(0, 100), param: 'id' })
    await demandParty(query, caller, 'budgets.write', budget)
    return budget
  }
  server.get(
    '/galerne/v1/budgets',
    {
      config: reading,
      schema: { tags, summary: 'Budgets and how they stand', querystring: ListQuery, response: { 200: BudgetList } },
    },
    async ({ query: asked, exchange: { caller } }) => {
      const page = pageOf(await visibleParties(query, caller, await store.list()), readPaging(asked))
      const theirs = new Set((await visibleParties(query, caller, page.data, 'budgets.write')).map(({ id }) => id))
      const data = await shownAll(page.data)
      return { ...page, data: data.map((budget) => (theirs.has(budget.id) ? budget : withoutWebhook(budget))) }
    },
  )
  server.post(
    '/galerne/v1/budgets',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Make a budget',
        description:
          'What was spent in its calendar window before counts. With a webhook the answer holds the secret that its messages are signed with, this once.',
        body: PutBudget,
        response: { 200: BudgetObject },
      },
    },
    async (request) => {
      const { body, exchange } = request
      const party = await partyOf(query, body, exchange.caller)
      await demandParty(query, exchange.caller, 'budgets.write', party)
      return shownNew(await createBudget(parts, actorOf(request), { ...fresh, ...party, ...wantedOf(body) }))
    },
  )
  server.post(
    '/galerne/v1/budgets/:id',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Change a budget',
        params: idParams,
        body: Type.Partial(Type.Omit(PutBudget, ['scope', 'subject']), { additionalProperties: false }),
        response: { 200: BudgetObject },
      },
    },
    async (request) => {
      const before = await known(request.params.id, request.exchange.caller)
      return shownNew(await changeBudget(parts, actorOf(request), before.id, wantedOf(request.body)), before)
    },
  )
  server.post(
    '/galerne/v1/budgets/:id/webhook-secret',
    {
      config: reading,
      schema: {
        tags,
        summary: "Replace the secret of a budget's webhook",
        description: 'The answer is the only one that holds the new one. The old one signs too for a while.',
        params: idParams,
        body: RotateWebhookSecret,
        response: { 200: BudgetObject },
      },
    },
    async (request) => {
      const before = await known(request.params.id, request.exchange.caller)
      const { overlap_seconds: overlap } = request.body
      const overlapMs = typeof overlap === 'number' ? overlap * 1000 : dayMs
      return shownNew(await rotateWebhookSecret(parts, actorOf(request), before, overlapMs), before)
    },
  )
  server.delete(
    '/galerne/v1/budgets/:id',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Remove a budget',
        params: idParams,
        response: { 200: Type.Object({ id: Type.String(), deleted: Type.Boolean() }) },
      },
    },
    async (request) => {
      const budget = await known(request.params.id, request.exchange.caller)
      await removeBudget(parts, actorOf(request), budget)
      return { id: budget.id, deleted: true }
    },
  )
  registerSpendLimit(server, parts)
}

function registerSpendLimit(server: Server, parts: BudgetRoutes): void {
  const { acts, currency } = parts
  const answer = async (): Promise<Static<typeof MistralSpendLimits>> => {
    const now = acts.clock.now()
    const limit = await hardLimit(parts, 'organisation', organisation)
    const { opensAt, closesAt } = windowAt('month', limit?.budget.timeZone ?? 'UTC', now)
    const whole = { scope: 'organisation', subject: organisation } as const
    const { money } = await limitStore(acts.database).spentBetween(whole, opensAt, closesAt)
    const usage = (limit?.spent ?? money) / nanoPerUnit
    return {
      limits: {
        completion: {
          no_monthly_limit: limit === undefined,
          monthly_limit_reached: limit !== undefined && limit.spent >= limit.budget.amount,
          ...{ usage, vibe_usage: 0, total_usage: usage },
          usage_limit: limit === undefined ? null : limit.budget.amount / nanoPerUnit,
        },
        ...{ last_payment_failure: false, last_payment_failure_protection: null, currency },
      },
    }
  }
  server.get(
    '/v1/admin/spend-limit',
    {
      config: { permission: 'spending.read' },
      schema: { tags, summary: 'What the organisation may spend in a month', response: { 200: MistralSpendLimits } },
    },
    answer,
  )
  server.post(
    '/v1/admin/spend-limit',
    {
      config: { permission: 'spending.write' },
      schema: {
        tags,
        summary: 'Set what the organisation may spend in a month',
        body: NewSpendLimit,
        response: { 200: MistralSpendLimits },
      },
    },
    async (request) => {
      const { body, exchange } = request
      await demandParty(acts.database.query, exchange.caller, 'budgets.write', {
        scope: 'organisation',
        subject: organisation,
      })
      const amount = body.no_monthly_limit === true ? undefined : body.amount * nanoPerUnit
      await setHardLimit(parts, actorOf(request), { scope: 'organisation', subject: organisation, amount })
      return answer()
    },
  )
}

/** The hard budget of the month, as both vendors have one; where there are several, the smallest. */
export async function hardLimit(
  { acts }: Pick<BudgetParts, 'acts'>,
  scope: Scope,
  subject: string,
): Promise<BudgetStanding | undefined> {
  const store = budgetStore(acts.database)
  const hard = (await store.list({ scope, subject, period: 'month' })).filter((budget) => budget.hard)
  const standings = await store.standings(hard, acts.clock.now())
  return [...standings].sort((a, b) => a.budget.amount - b.budget.amount)[0]
}

/** Sets the hard budget of the month, or takes it away; nano-units. */
export async function setHardLimit(
  parts: BudgetParts,
  actor: Parameters<typeof createBudget>[1],
  { scope, subject, amount }: { readonly scope: Scope; readonly subject: string; readonly amount: number | undefined },
): Promise<void> {
  const known = (await hardLimit(parts, scope, subject))?.budget
  if (amount === undefined) {
    if (known !== undefined) await removeBudget(parts, actor, known)
  } else if (known === undefined) await createBudget(parts, actor, { ...fresh, scope, subject, amount })
  else await changeBudget(parts, actor, known.id, { amount })
}

const fresh: Omit<WantedBudget, 'scope' | 'subject'> = {
  ...{ period: 'month', timeZone: 'UTC', amount: 0, hard: true },
  ...{ thresholds: usualThresholds, webhook: null, emails: [] },
}

function wantedOf(body: Partial<Static<typeof PutBudget>>): Pick<WantedBudget, never> & Partial<WantedBudget> {
  const { amount, period, time_zone, hard, thresholds, webhook, emails } = body
  return {
    ...(amount !== undefined && { amount: nanoOf(amount) }),
    ...(period !== undefined && { period }),
    ...(time_zone !== undefined && { timeZone: time_zone }),
    ...(hard !== undefined && { hard }),
    ...(thresholds !== undefined && { thresholds }),
    ...(webhook !== undefined && { webhook }),
    ...(emails !== undefined && { emails }),
  }
}

/** Whoever has the address of a webhook may post to it, so who may not set it sees no more than where it leads. */
function withoutWebhook(budget: Static<typeof BudgetObject>): Static<typeof BudgetObject> {
  return budget.webhook === null ? budget : { ...budget, webhook: `${new URL(budget.webhook).origin}/…` }
}

/** Nano-units. Throws `invalid_value` for an amount that would become none: a budget of nothing refuses every call. */
function nanoOf(amount: number): number {
  const nano = Math.round(amount * nanoPerUnit)
  if (nano > 0 || amount === 0) return nano
  throw fail('invalid_value', { param: 'amount', reason: 'it is smaller than a billionth of the currency' })
}

/** A budget on the wire. */
function budgetObject(
  { budget, opensAt, closesAt, spent, reserved }: BudgetStanding,
  alerts: readonly RaisedAlert[],
  currency: string,
): Omit<Static<typeof BudgetObject>, 'keys'> {
  const { id, scope, subject, period, hard, webhook } = budget
  return {
    ...{
      id,
      object: 'budget' as const,
      scope,
      subject,
      amount: budget.amount / nanoPerUnit,
      currency,
      period,
      hard,
      webhook,
    },
    time_zone: budget.timeZone,
    thresholds: [...budget.thresholds],
    emails: [...budget.emails],
    spent: spent / nanoPerUnit,
    reserved: reserved / nanoPerUnit,
    opens_at: seconds(opensAt),
    closes_at: closesAt === Number.MAX_SAFE_INTEGER ? null : seconds(closesAt),
    alerts: alerts.map((alert) => ({ ...alert, at: seconds(alert.at) })),
  }
}
