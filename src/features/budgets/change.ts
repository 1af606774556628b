// Makes, changes and removes budgets. Each is an act in the audit log, and counts on every node at once.
import { classifyAddress, isRange } from '../../base/addresses.ts'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Acts } from '../audit/acts.ts'
import type { Actor } from '../audit/record.ts'
import { isTimeZone } from '../limits/calendar.ts'
import type { Policy } from '../limits/policy.ts'
import { type Budget, budgetStore } from './store.ts'

/** What changing budgets needs. */
export interface BudgetParts {
  readonly acts: Acts
  readonly policy: Policy
  /** What alerts can be sent by here. */
  readonly ways: { readonly webhook: boolean; readonly email: boolean }
}

/** What a budget is to be. */
export type WantedBudget = Omit<Budget, 'id' | 'createdAt' | 'updatedAt'>

/** Makes a budget. What was spent in its window before counts. */
export async function createBudget(parts: BudgetParts, actor: Actor, wanted: WantedBudget): Promise<Budget> {
  const now = parts.acts.clock.now()
  const budget = { ...wanted, id: newId('budget', parts.acts.clock), createdAt: now, updatedAt: now }
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
  return await keep(
    parts,
    actor,
    { ...before, ...change, scope, subject, updatedAt: parts.acts.clock.now() },
    'budget.updated',
  )
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
  if (webhook !== null && !ways.webhook) {
    const reason = 'alerts are signed with the setting webhook-secret, which this server does not have'
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
