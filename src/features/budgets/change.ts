// Makes, changes and removes budgets. Each is an act in the audit log, and counts on every node at once.
import { classifyAddress, isRange } from '../../base/addresses.ts'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import { newWebhookKey, nextWebhookKey } from '../../base/webhook-secret.ts'
import type { Acts } from '../audit/acts.ts'
import type { Actor } from '../audit/record.ts'
import { isTimeZone } from '../limits/calendar.ts'
import type { Policy } from '../limits/policy.ts'
import type { AlertMeans } from './open.ts'
import { type Budget, budgetStore } from './store.ts'

/** What changing budgets needs. */
export interface BudgetParts {
  readonly acts: Acts
  readonly policy: Policy
  /** What alerts can be sent by here. */
  readonly ways: AlertMeans
}

/** What a budget is to be. */
export type WantedBudget = Omit<Budget, 'id' | 'createdAt' | 'updatedAt' | 'webhookKey'>

/** Makes a budget. What was spent in its window before counts. */
export async function createBudget(parts: BudgetParts, actor: Actor, wanted: WantedBudget): Promise<Budget> {
  const now = parts.acts.clock.now()
  const webhookKey = wanted.webhook === null ? null : newWebhookKey()
  const budget = { ...wanted, webhookKey, id: newId('budget', parts.acts.clock), createdAt: now, updatedAt: now }
  return await keep(parts, actor, budget, 'budget.created')
}

/** Changes a budget; throws `not_found`. */
export async function changeBudget(
  parts: BudgetParts,
  actor: Actor,
  id: string,
  change: Partial<WantedBudget>,
): Promise<Budget> {
  const before = await budgetStore(parts.acts.database).byId(id)
  if (before === undefined) throw fail('not_found', { what: 'budget', id: id.slice(0, 100), param: 'id' })
  const { scope, subject } = before
  const after = { ...before, ...change, scope, subject, updatedAt: parts.acts.clock.now() }
  // Whoever receives them elsewhere must not be able to sign for whoever received them until now, nor the other way round.
  const webhookKey =
    after.webhook === before.webhook ? before.webhookKey : after.webhook === null ? null : newWebhookKey()
  return await keep(parts, actor, { ...after, webhookKey }, 'budget.updated')
}

/** Gives a budget's webhook another secret; the one before signs too for `overlapMs`. Throws `invalid_value` where there is no webhook. */
export async function rotateWebhookSecret(
  parts: BudgetParts,
  actor: Actor,
  budget: Budget,
  overlapMs: number,
): Promise<Budget> {
  if (budget.webhook === null) throw fail('invalid_value', { param: 'id', reason: 'this budget has no webhook' })
  const now = parts.acts.clock.now()
  const webhookKey = nextWebhookKey(budget.webhookKey, now + overlapMs)
  return await keep(parts, actor, { ...budget, webhookKey, updatedAt: now }, 'budget.updated')
}

/** Removes a budget; throws `not_found`. */
export async function removeBudget(parts: BudgetParts, actor: Actor, budget: Budget): Promise<void> {
  await parts.acts.run(actor, async (transaction, note) => {
    if (!(await budgetStore({ query: transaction }).remove(budget.id))) {
      throw fail('not_found', { what: 'budget', id: budget.id, param: 'id' })
    }
    note({ action: 'budget.deleted', target: { kind: 'budget', id: budget.id }, ...whereOf(budget) })
  })
  await parts.policy.reload()
}

async function keep(parts: BudgetParts, actor: Actor, budget: Budget, action: string): Promise<Budget> {
  check(budget, parts)
  const sorted = { ...budget, thresholds: [...new Set(budget.thresholds)].sort((a, b) => a - b) }
  await parts.acts.run(actor, async (transaction, note) => {
    await budgetStore({ query: transaction }).put(sorted)
    const { scope, subject, amount, period, hard } = sorted
    const details = { scope, subject, amount, period, hard }
    note({ action, target: { kind: 'budget', id: budget.id }, ...whereOf(budget), details })
  })
  await parts.policy.reload()
  return sorted
}

function whereOf({ scope, subject }: Budget) {
  return scope === 'workspace' ? { workspace: subject } : {}
}

function check({ timeZone, webhook, emails, amount }: Budget, { ways }: BudgetParts): void {
  if (!isTimeZone(timeZone))
    throw fail('invalid_value', { param: 'time_zone', reason: 'there is no time zone of that name' })
  if (!Number.isSafeInteger(amount)) throw fail('invalid_value', { param: 'amount', reason: 'it is too large' })
  if (webhook !== null) checkWebhook(webhook)
  if (webhook !== null && ways.webhooks === undefined) {
    const reason = 'secrets of webhooks are made from the setting webhook-secret, which this server does not have'
    throw fail('invalid_value', { param: 'webhook', reason })
  }
  if (emails.length > 0 && !ways.email) {
    const reason = 'mail is sent by the setting smtp-url, which this server does not have'
    throw fail('invalid_value', { param: 'emails', reason })
  }
}

/** What no alert can ever reach is refused now, not in silence later. Names are judged when they are resolved. */
function checkWebhook(webhook: string): void {
  const url = URL.canParse(webhook) ? new URL(webhook) : undefined
  if (url === undefined) throw fail('invalid_value', { param: 'webhook', reason: 'it is not a valid address' })
  if (url.username !== '' || url.password !== '') {
    throw fail('invalid_value', { param: 'webhook', reason: 'it must hold no name and no password' })
  }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isRange(host) && classifyAddress(host) === 'forbidden') {
    throw fail('invalid_value', { param: 'webhook', reason: `nothing is sent to ${host}` })
  }
}
