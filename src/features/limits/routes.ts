// Limits and tiers under our own path, and as Mistral's /v1/admin/rate-limit shows them. Setting them is an act in the audit log.
import type { Static } from 'typebox'
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Server } from '../../wire/exchange.ts'
import {
  AssignmentList,
  LimitList,
  LimitObject,
  MistralRateLimits,
  PutAssignment,
  PutLimit,
  PutTiers,
  scopeField,
  TierList,
} from '../../wire/limit-objects.ts'
import { ListQuery, pageOf, readPaging } from '../../wire/paging.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { nanoPerUnit } from '../prices/price.ts'
import { demandParty, partyOf, visibleParties } from './access.ts'
import type { Policy } from './policy.ts'
import { type Limit, limitStore } from './store.ts'
import { type LimitNumbers, type Tier, tierFor } from './tiers.ts'

/** What the routes need. */
export interface LimitRoutes {
  readonly acts: Acts
  readonly policy: Policy
  readonly currency: string
  /** Names of the models that are served. */
  models(): readonly string[]
}

const tags = ['limits']
const reading = { permission: 'limits.read' } as const
const writing = { permission: 'limits.write' } as const

/** Adds the routes. */
export function registerLimits(server: Server, parts: LimitRoutes): void {
  const { acts } = parts
  const { query } = acts.database
  const store = limitStore(acts.database)
  server.get(
    '/galerne/v1/limits',
    {
      config: reading,
      schema: { tags, summary: 'Limits that were set', querystring: ListQuery, response: { 200: LimitList } },
    },
    async ({ query: asked, exchange: { caller } }) => {
      const seen = (await visibleParties(query, caller, await store.limits())).map(limitObject)
      return pageOf(seen, readPaging(asked), ({ scope, subject, model }) => `${scope}/${subject}/${model}`)
    },
  )
  server.put(
    '/galerne/v1/limits',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Set limits of a workspace, a key or the organisation',
        description: 'Numbers that are left out stay as they are; null takes one away.',
        body: PutLimit,
        response: { 200: LimitObject },
      },
    },
    async (request) => {
      const { body, exchange } = request
      const party = await partyOf(query, body, exchange.caller)
      await demandParty(query, exchange.caller, 'limits.write', party)
      const whose = { ...party, model: body.model ?? '*' }
      const limit = await setLimit(parts, actorOf(request), whose, numbersOf(body))
      return limitObject(limit)
    },
  )
  server.delete(
    '/galerne/v1/limits',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Take limits away',
        querystring: Type.Object({
          scope: scopeField,
          subject: Type.Optional(Type.String()),
          model: Type.Optional(Type.String()),
        }),
        response: { 200: Type.Object({ deleted: Type.Boolean() }) },
      },
    },
    async (request) => {
      const { caller } = request.exchange
      const party = await partyOf(query, request.query, caller)
      await demandParty(query, caller, 'limits.write', party)
      const whose = { ...party, model: request.query.model ?? '*' }
      const deleted = await acts.run(actorOf(request), async (transaction, note) => {
        const removed = await limitStore({ query: transaction }).remove(whose)
        if (removed) note({ action: 'rate_limit.deleted', ...targetOf(party), details: { model: whose.model } })
        return removed
      })
      if (!deleted) throw fail('not_found', { what: 'limit', id: `${party.scope} ${party.subject}`.slice(0, 200) })
      await parts.policy.reload()
      return { deleted }
    },
  )
  registerTiers(server, parts)
  registerAssignments(server, parts)
  server.get(
    '/v1/admin/rate-limit',
    {
      config: reading,
      schema: {
        tags,
        summary: "The workspace's limits, as Mistral shows them",
        description: 'Where there is no limit, the number is the largest that is exact in JSON.',
        response: { 200: MistralRateLimits },
      },
    },
    async ({ exchange: { caller, clock } }) => {
      const rules = (model: string) => parts.policy.of({ key: '', workspace: caller.workspace, model }, clock.now())
      const rates = (model: string, unit: 'requests' | 'tokens', seconds: 1 | 60) =>
        least(
          rules(model).rates.flatMap((rule) => (rule.unit === unit && rule.seconds === seconds ? [rule.limit] : [])),
        )
      const months = (model: string) =>
        least(
          rules(model).accounts.flatMap(({ unit, capacity }) =>
            unit === 'tokens' && capacity !== null ? [capacity] : [],
          ),
        )
      const models = parts.models()
      return {
        requests_per_second: least(models.map((model) => rates(model, 'requests', 1))),
        tokens_limits_by_model: Object.fromEntries(
          models.map((model) => [
            model,
            { tokens_per_minute: rates(model, 'tokens', 60), tokens_per_month: months(model) },
          ]),
        ),
      }
    },
  )
}

function registerTiers(server: Server, { acts, policy, currency }: LimitRoutes): void {
  const store = limitStore(acts.database)
  const done = {
    200: Type.Object({ object: Type.Literal('list'), tiers: Type.Array(PutTiers.properties.tiers.items) }),
  }
  server.get(
    '/galerne/v1/tiers',
    {
      config: reading,
      schema: { tags, summary: 'What each tier allows', querystring: ListQuery, response: { 200: TierList } },
    },
    async ({ query: asked }) => {
      const tiers = (await store.tiers()).map((tier) => ({ ...tierObject(tier), currency }))
      return pageOf(tiers, readPaging(asked), ({ tier, model }) => `${tier}/${model}`)
    },
  )
  server.put(
    '/galerne/v1/tiers',
    {
      config: { permission: 'server.write' },
      schema: {
        tags,
        summary: 'Replace the tiers; an empty list brings the usual ones back',
        body: PutTiers,
        response: done,
      },
    },
    async (request) => {
      const tiers = request.body.tiers.map(readTier)
      const names = tiers.map(({ tier, model }) => `${tier} ${model}`)
      const twice = names.findIndex((name, index) => names.indexOf(name) !== index)
      if (twice >= 0)
        throw fail('invalid_value', { param: `tiers[${twice}]`, reason: 'this tier and model is there already' })
      await acts.run(actorOf(request), async (transaction, note) => {
        await limitStore({ query: transaction }).replaceTiers(tiers)
        note({
          action: 'tier.updated',
          target: { kind: 'organization', id: 'organisation' },
          details: { count: tiers.length },
        })
      })
      await policy.reload()
      return { object: 'list' as const, tiers: (await store.tiers()).map(tierObject) }
    },
  )
}

function registerAssignments(server: Server, { acts, policy, currency }: LimitRoutes): void {
  const store = limitStore(acts.database)
  server.get(
    '/galerne/v1/tiers/assignments',
    {
      config: reading,
      schema: { tags, summary: 'Who is in which tier', querystring: ListQuery, response: { 200: AssignmentList } },
    },
    async ({ query: asked, exchange: { caller } }) => {
      const [tiers, assignments] = await Promise.all([store.tiers(), store.assignments()])
      const seen = await visibleParties(acts.database.query, caller, assignments)
      const page = pageOf(seen, readPaging(asked), ({ scope, subject }) => `${scope}/${subject}`)
      const shown = page.data.map(async ({ scope, subject, tier }) => {
        const { money } = await store.spentEver({ scope, subject })
        const facts = { tier: tier ?? tierFor(tiers, money), automatic: tier === null }
        return { scope, subject, ...facts, spent: money / nanoPerUnit, currency }
      })
      return { ...page, data: await Promise.all(shown) }
    },
  )
  server.put(
    '/galerne/v1/tiers/assignments',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Put a workspace or the organisation into a tier, or let the tier follow the spend',
        body: PutAssignment,
        response: {
          200: Type.Object({
            scope: scopeField,
            subject: Type.String(),
            tier: Type.Union([Type.Integer(), Type.Null()]),
          }),
        },
      },
    },
    async (request) => {
      const { body, exchange } = request
      const party = { ...(await partyOf(acts.database.query, body, exchange.caller)), scope: body.scope }
      await demandParty(acts.database.query, exchange.caller, 'limits.write', party)
      const tier = body.tier === 'auto' ? null : body.tier === 'free' ? 0 : body.tier
      await acts.run(actorOf(request), async (transaction, note) => {
        const store = limitStore({ query: transaction })
        if (tier === 'none') await store.unassign(party)
        else {
          const known = (await store.tiers()).some((row) => row.tier === tier)
          if (tier !== null && !known) throw fail('invalid_value', { param: 'tier', reason: 'there is no such tier' })
          await store.assign({ ...party, tier }, acts.clock.now())
        }
        note({ action: 'tier.assigned', ...targetOf(party), details: { tier: body.tier } })
      })
      await policy.reload()
      return { ...party, tier: policy.tierOf(party.scope, party.subject) ?? null }
    },
  )
}

/** Sets limits, as an act. */
export async function setLimit(
  { acts, policy }: Pick<LimitRoutes, 'acts' | 'policy'>,
  actor: Parameters<Acts['run']>[0],
  whose: Pick<Limit, 'scope' | 'subject' | 'model'>,
  numbers: Partial<Limit>,
): Promise<Limit> {
  const limit = await acts.run(actor, async (transaction, note) => {
    const set = await limitStore({ query: transaction }).put(whose, numbers, acts.clock.now())
    note({ action: 'rate_limit.updated', ...targetOf(whose), details: { model: whose.model, ...numbers } })
    return set
  })
  await policy.reload()
  return limit
}

function targetOf({ scope, subject }: Pick<Limit, 'scope' | 'subject'>) {
  const kind = scope === 'organisation' ? 'organization' : scope
  return { target: { kind, id: subject }, ...(scope === 'workspace' && { workspace: subject }) }
}

const least = (numbers: readonly number[]) => Math.min(Number.MAX_SAFE_INTEGER, ...numbers)

function numbersOf(body: Static<typeof PutLimit>): Partial<Limit> {
  const all = {
    ...limitNumbersOf(body),
    lineLength: body.line_length,
    lineWeight: body.line_weight,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Partial<Limit>
}

function limitNumbersOf(body: Partial<Static<typeof PutLimit>>) {
  return {
    requestsPerSecond: body.requests_per_second,
    requestsPerMinute: body.requests_per_minute,
    tokensPerMinute: body.tokens_per_minute,
    tokensPerMonth: body.tokens_per_month,
    parallelRequests: body.parallel_requests,
  }
}

function readTier(row: Static<typeof PutTiers>['tiers'][number]): Tier {
  const numbers = Object.entries(limitNumbersOf(row)).map(([name, value]) => [name, value ?? null])
  const above = row.spend_above ?? null
  return {
    tier: row.tier,
    model: row.model ?? '*',
    spendAbove: above === null ? null : Math.round(above * nanoPerUnit),
    numbers: Object.fromEntries(numbers) as Partial<LimitNumbers>,
  }
}

function numbersObject(numbers: Partial<LimitNumbers>) {
  return {
    requests_per_second: numbers.requestsPerSecond ?? null,
    requests_per_minute: numbers.requestsPerMinute ?? null,
    tokens_per_minute: numbers.tokensPerMinute ?? null,
    tokens_per_month: numbers.tokensPerMonth ?? null,
    parallel_requests: numbers.parallelRequests ?? null,
  }
}

function limitObject(limit: Limit): Static<typeof LimitObject> {
  const { scope, subject, model, lineLength, lineWeight } = limit
  const line = { line_length: lineLength, line_weight: lineWeight }
  return { object: 'limit', scope, subject, model, ...numbersObject(limit), ...line }
}

function tierObject({ tier, model, spendAbove, numbers }: Tier) {
  const spend_above = spendAbove === null ? null : spendAbove / nanoPerUnit
  return { tier, model, spend_above, ...numbersObject(numbers) }
}
