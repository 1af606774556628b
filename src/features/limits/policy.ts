// Which limits, tiers and budgets hold for a call. Answers from memory, at once; reads the database again when any node says that they changed.
import type { Account, Holder, Scope } from './account.ts'
import { subjectsOf } from './account.ts'
import { type Period, windowAt } from './calendar.ts'
import { type Limit, type LimitStore, limitNames, type TierAssignment } from './store.ts'
import { type LimitNumbers, type Tier, tierFor, tierRow } from './tiers.ts'

/** A number of requests or tokens that may come in a short window. */
export interface RateRule {
  /** Calls share the window when it is the same. */
  readonly id: string
  readonly scope: Scope
  readonly subject: string
  readonly model: string
  readonly unit: 'requests' | 'tokens'
  readonly seconds: 1 | 60
  readonly limit: number
}

/** Money that may be spent in a calendar window. */
export interface MoneyRule {
  readonly id: string
  readonly scope: Scope
  readonly subject: string
  readonly period: Period
  readonly timeZone: string
  /** Nano-units. */
  readonly amount: number
  /** Whether calls are refused; else it is only counted. */
  readonly hard: boolean
}

/** A party's place in line. */
export interface LineRule {
  readonly length: number | null
  readonly weight: number
}

/** Everything that holds for a call. */
export interface Rules {
  readonly rates: readonly RateRule[]
  readonly accounts: readonly Account[]
  readonly line: { readonly key: LineRule; readonly workspace: LineRule }
}

/** What holds, and what the tiers know. */
export interface Policy {
  /** At a time: windows of the calendar depend on it. */
  of(holder: Holder, at: number): Rules
  reload(): Promise<void>
  /** The tier that somebody is in; undefined where none is set. */
  tierOf(scope: Scope, subject: string): number | undefined
  /** Notes the spend in all of somebody whose tier follows it; true where the tier is another one now. */
  noteSpend(account: Account, spent: number): boolean
}

/** Where the rules come from. */
export interface PolicySources {
  readonly store: LimitStore
  readonly budgets: () => Promise<readonly MoneyRule[]>
}

interface Known {
  readonly limits: ReadonlyMap<string, readonly Limit[]>
  readonly tiers: readonly Tier[]
  readonly assignments: ReadonlyMap<string, TierAssignment>
  readonly budgets: ReadonlyMap<string, readonly MoneyRule[]>
}

interface Cached {
  readonly rules: Rules
  readonly until: number
}

// One entry per key and model that is in use; a server that sees more begins anew.
const mostCached = 20_000

// Tokens per month are counted by this calendar, as La Plateforme's are.
const monthZone = 'UTC'

const idOf = ({ scope, subject }: { readonly scope: Scope; readonly subject: string }) => `${scope}:${subject}`

/** Reads everything once. */
export async function createPolicy(sources: PolicySources): Promise<Policy> {
  let known: Known = { limits: new Map(), tiers: [], assignments: new Map(), budgets: new Map() }
  const spent = new Map<string, number>()
  /** The last read that had begun when a charge was noted. */
  const noted = new Map<string, number>()
  const cache = new Map<string, Cached>()
  let begun = 0
  let applied = 0
  const reload = async () => {
    const turn = ++begun
    const [limits, tiers, assignments, budgets] = await Promise.all([
      sources.store.limits(),
      sources.store.tiers(),
      sources.store.assignments(),
      sources.budgets(),
    ])
    for (const assignment of assignments) {
      if (assignment.tier !== null) continue
      const { money } = await sources.store.spentEver(assignment)
      // A charge that came while this was read is newer.
      if ((noted.get(idOf(assignment)) ?? 0) < turn) spent.set(idOf(assignment), money)
    }
    // A read that began earlier must not put back what a later one found changed.
    if (turn < applied) return
    applied = turn
    known = {
      limits: Map.groupBy(limits, idOf),
      tiers,
      assignments: new Map(assignments.map((assignment) => [idOf(assignment), assignment])),
      budgets: Map.groupBy(budgets, idOf),
    }
    cache.clear()
  }
  const tierOf = (scope: Scope, subject: string): number | undefined => {
    const assignment = known.assignments.get(idOf({ scope, subject }))
    if (assignment === undefined) return undefined
    return assignment.tier ?? tierFor(known.tiers, spent.get(idOf(assignment)) ?? 0)
  }
  await reload()
  return {
    reload,
    tierOf,
    of(holder, at) {
      const name = `${holder.key}\n${holder.workspace}\n${holder.model}`
      const found = cache.get(name)
      if (found !== undefined && at < found.until) return found.rules
      const rules = rulesFor(known, holder, at, tierOf)
      if (cache.size >= mostCached) cache.clear()
      const until = Math.min(at + longestDay, ...rules.accounts.map(({ closesAt }) => closesAt))
      cache.set(name, { rules, until })
      return rules
    },
    noteSpend(account, amount) {
      const whose = idOf(account)
      const assignment = known.assignments.get(whose)
      if (!account.id.startsWith('spend:') || assignment === undefined || assignment.tier !== null) return false
      const before = tierOf(account.scope, account.subject)
      spent.set(whose, amount)
      noted.set(whose, begun)
      if (tierOf(account.scope, account.subject) === before) return false
      cache.clear()
      return true
    },
  }
}

const longestDay = 86_400_000

function rulesFor(known: Known, holder: Holder, at: number, tierOf: Policy['tierOf']): Rules {
  const rates: RateRule[] = []
  const accounts: Account[] = []
  const add = (origin: string, whose: Whose, numbers: Partial<LimitNumbers>) => {
    rates.push(...ratesOf(origin, whose, numbers))
    accounts.push(...accountsOf(origin, whose, numbers, at))
  }
  for (const { scope, subject } of subjectsOf(holder)) {
    const limits = (known.limits.get(idOf({ scope, subject })) ?? []).filter(
      ({ model }) => model === '*' || model === holder.model,
    )
    for (const limit of limits) add(`limit:${scope}:${subject}:${limit.model}`, limit, limit)
    const tier = tierOf(scope, subject)
    const row = tier === undefined ? undefined : tierRow(known.tiers, tier, holder.model)
    if (row !== undefined) {
      const whose = { scope, subject, model: holder.model }
      add(`tier:${scope}:${subject}:${holder.model}`, whose, without(row.numbers, limits))
    }
    for (const budget of known.budgets.get(idOf({ scope, subject })) ?? []) accounts.push(budgetAccount(budget, at))
    if (known.assignments.get(idOf({ scope, subject }))?.tier === null) accounts.push(spendAccount(scope, subject))
  }
  return { rates, accounts, line: { key: lineOf(known, 'key', holder), workspace: lineOf(known, 'workspace', holder) } }
}

type Whose = Pick<Limit, 'scope' | 'subject' | 'model'>

/** What was set by hand for somebody counts instead of what the tier says of the same thing. */
function without(numbers: Partial<LimitNumbers>, limits: readonly Limit[]): Partial<LimitNumbers> {
  const kept = limitNames.filter((name) => limits.every((limit) => limit[name] === null))
  return Object.fromEntries(kept.map((name) => [name, numbers[name] ?? null]))
}

function ratesOf(origin: string, { scope, subject, model }: Whose, numbers: Partial<LimitNumbers>): RateRule[] {
  const rule = (unit: RateRule['unit'], seconds: RateRule['seconds'], limit: number | null | undefined): RateRule[] =>
    limit === null || limit === undefined
      ? []
      : [{ id: `${origin}:${unit}:${seconds}`, scope, subject, model, unit, seconds, limit }]
  return [
    ...rule('requests', 1, numbers.requestsPerSecond),
    ...rule('requests', 60, numbers.requestsPerMinute),
    ...rule('tokens', 60, numbers.tokensPerMinute),
  ]
}

function accountsOf(origin: string, whose: Whose, numbers: Partial<LimitNumbers>, at: number): Account[] {
  const { scope, subject, model } = whose
  const accounts: Account[] = []
  const { tokensPerMonth = null, parallelRequests = null } = numbers
  if (tokensPerMonth !== null) {
    const month = windowAt('month', monthZone, at)
    const id = `${origin}:tokens@${month.opensAt}`
    accounts.push({ id, scope, subject, model, unit: 'tokens', ...month, capacity: tokensPerMonth })
  }
  if (parallelRequests !== null) {
    const always = windowAt('ever', monthZone, at)
    const id = `${origin}:parallel@0`
    accounts.push({ id, scope, subject, model, unit: 'parallel', ...always, capacity: parallelRequests })
  }
  return accounts
}

/** The account of a budget in the window that holds `at`. */
export function budgetAccount({ id, scope, subject, period, timeZone, amount, hard }: MoneyRule, at: number): Account {
  const window = windowAt(period, timeZone, at)
  // Another period or zone is another account: its window was counted otherwise.
  const name = `${id}:${period}:${timeZone}@${window.opensAt}`
  return { id: name, scope, subject, model: '*', unit: 'money', ...window, capacity: hard ? amount : null }
}

/** What somebody spent in all, which tiers follow. */
export function spendAccount(scope: Scope, subject: string): Account {
  const always = windowAt('ever', monthZone, 0)
  return { id: `spend:${scope}:${subject}@0`, scope, subject, model: '*', unit: 'money', ...always, capacity: null }
}

function lineOf(known: Known, scope: 'key' | 'workspace', holder: Holder): LineRule {
  const subject = scope === 'key' ? holder.key : holder.workspace
  const rows = known.limits.get(idOf({ scope, subject })) ?? []
  const exact = rows.find(({ model }) => model === holder.model)
  const all = rows.find(({ model }) => model === '*')
  return {
    length: exact?.lineLength ?? all?.lineLength ?? null,
    weight: exact?.lineWeight ?? all?.lineWeight ?? 1,
  }
}
