// OpenAI's spend limit and spend alerts, of the organisation and of projects: budgets of a month, in cents. A hard one is the limit, a soft one an alert.
import type { Static } from 'typebox'
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Server } from '../../wire/exchange.ts'
import { idField } from '../../wire/fields.ts'
import { SpendAlertObject, SpendAlertUpdate, SpendLimitObject, SpendLimitUpdate } from '../../wire/limit-objects.ts'
import { listSchema, pageOf, pagingFields, readPaging } from '../../wire/paging.ts'
import { actorOf } from '../audit/record.ts'
import { demandParty } from '../limits/access.ts'
import { organisation, type Scope } from '../limits/account.ts'
import { nanoPerUnit } from '../prices/price.ts'
import { changeBudget, createBudget, removeBudget } from './change.ts'
import { type BudgetRoutes, hardLimit, setHardLimit } from './routes.ts'
import { type Budget, budgetStore } from './store.ts'

const tags = ['organization']
/** A project's budget is its workspace's matter, the organisation's one nobody's in a workspace alone. */
const rightsIn = ({ scope }: Place) =>
  scope === 'organisation'
    ? ({ reading: { permission: 'spending.read' }, writing: { permission: 'spending.write' } } as const)
    : ({ reading: { permission: 'limits.read' }, writing: { permission: 'budgets.write' } } as const)
const nanoPerCent = nanoPerUnit / 100

/** Adds the routes for both. */
export function registerSpendLimits(server: Server, parts: BudgetRoutes): void {
  registerLimit(server, parts, { path: '/v1/organization', noun: 'organization', scope: 'organisation' })
  registerLimit(server, parts, { path: '/v1/organization/projects/:workspace', noun: 'project', scope: 'workspace' })
  registerAlerts(server, parts, { path: '/v1/organization', noun: 'organization', scope: 'organisation' })
  registerAlerts(server, parts, { path: '/v1/organization/projects/:workspace', noun: 'project', scope: 'workspace' })
}

interface Place {
  readonly path: string
  readonly noun: 'organization' | 'project'
  readonly scope: Scope
}

const params = Type.Object({ workspace: Type.Optional(idField) })
const alertParams = Type.Object({ workspace: Type.Optional(idField), alert: idField })

const partyIn = ({ scope }: Place, { workspace }: { readonly workspace?: string }) => ({
  scope,
  subject: workspace ?? organisation,
})

function checkCurrency(given: string, currency: string): void {
  if (given === currency) return
  throw fail('invalid_value', { param: 'currency', reason: `this server accounts in ${currency}` })
}

function registerLimit(server: Server, parts: BudgetRoutes, place: Place): void {
  const { acts, currency } = parts
  const path = `${place.path}/spend_limit`
  const { reading, writing } = rightsIn(place)
  const object = async (subject: string): Promise<Static<typeof SpendLimitObject>> => {
    const limit = await hardLimit(parts, place.scope, subject)
    if (limit === undefined) throw fail('not_found', { what: 'spend limit', id: subject })
    return {
      ...{ object: `${place.noun}.spend_limit` as const, currency, interval: 'month' as const },
      threshold_amount: Math.floor(limit.budget.amount / nanoPerCent),
      enforcement: { status: limit.spent >= limit.budget.amount ? 'enforcing' : 'inactive' },
    }
  }
  const response = { 200: SpendLimitObject }
  server.get(
    path,
    { config: reading, schema: { tags, summary: 'The hard limit of the month', params, response } },
    async (request) => {
      const party = partyIn(place, request.params)
      await demandParty(acts.database.query, request.exchange.caller, 'limits.read', party)
      return object(party.subject)
    },
  )
  server.post(
    path,
    {
      config: writing,
      schema: { tags, summary: 'Set the hard limit of the month', params, body: SpendLimitUpdate, response },
    },
    async (request) => {
      const party = partyIn(place, request.params)
      await demandParty(acts.database.query, request.exchange.caller, 'budgets.write', party)
      checkCurrency(request.body.currency, currency)
      await setHardLimit(parts, actorOf(request), { ...party, amount: request.body.threshold_amount * nanoPerCent })
      return object(party.subject)
    },
  )
  const Deleted = Type.Object({ object: Type.String(), deleted: Type.Boolean() })
  server.delete(
    path,
    { config: writing, schema: { tags, summary: 'Take the hard limit away', params, response: { 200: Deleted } } },
    async (request) => {
      const party = partyIn(place, request.params)
      await demandParty(acts.database.query, request.exchange.caller, 'budgets.write', party)
      const deleted = (await hardLimit(parts, party.scope, party.subject)) !== undefined
      await setHardLimit(parts, actorOf(request), { ...party, amount: undefined })
      return { object: `${place.noun}.spend_limit.deleted`, deleted }
    },
  )
}

function registerAlerts(server: Server, parts: BudgetRoutes, place: Place): void {
  const { acts, currency } = parts
  const { query } = acts.database
  const store = budgetStore(acts.database)
  const path = `${place.path}/spend_alerts`
  const { reading, writing } = rightsIn(place)
  const object = (budget: Budget): Static<typeof SpendAlertObject> => ({
    ...{ id: budget.id, object: `${place.noun}.spend_alert` as const, currency, interval: 'month' as const },
    threshold_amount: Math.floor(budget.amount / nanoPerCent),
    notification_channel: { type: 'email', recipients: [...budget.emails] },
  })
  const alerts = async ({ scope, subject }: { readonly scope: Scope; readonly subject: string }) =>
    (await store.list({ scope, subject, period: 'month' })).filter(({ hard, emails }) => !hard && emails.length > 0)
  const known = async (party: { readonly scope: Scope; readonly subject: string }, id: string) => {
    const found = (await alerts(party)).find((alert) => alert.id === id)
    if (found === undefined) throw fail('not_found', { what: 'spend alert', id, param: 'alert_id' })
    return found
  }
  const wanted = ({ threshold_amount, notification_channel }: Static<typeof SpendAlertUpdate>) => ({
    amount: threshold_amount * nanoPerCent,
    emails: notification_channel.recipients,
  })
  server.get(
    path,
    {
      config: reading,
      schema: {
        tags,
        summary: 'Alerts at an amount',
        params,
        querystring: Type.Object(pagingFields),
        response: { 200: listSchema(SpendAlertObject) },
      },
    },
    async (request) => {
      const party = partyIn(place, request.params)
      await demandParty(query, request.exchange.caller, 'limits.read', party)
      return pageOf((await alerts(party)).map(object), readPaging(request.query, { usual: 20, most: 100 }))
    },
  )
  server.post(
    path,
    {
      config: writing,
      schema: { tags, summary: 'Make an alert', params, body: SpendAlertUpdate, response: { 200: SpendAlertObject } },
    },
    async (request) => {
      const party = partyIn(place, request.params)
      await demandParty(query, request.exchange.caller, 'budgets.write', party)
      checkCurrency(request.body.currency, currency)
      const soft = { period: 'month', timeZone: 'UTC', hard: false, thresholds: [100], webhook: null } as const
      return object(await createBudget(parts, actorOf(request), { ...soft, ...party, ...wanted(request.body) }))
    },
  )
  server.get(
    `${path}/:alert`,
    {
      config: reading,
      schema: { tags, summary: 'One alert', params: alertParams, response: { 200: SpendAlertObject } },
    },
    async (request) => {
      const party = partyIn(place, request.params)
      await demandParty(query, request.exchange.caller, 'limits.read', party)
      return object(await known(party, request.params.alert))
    },
  )
  server.post(
    `${path}/:alert`,
    {
      config: writing,
      schema: {
        tags,
        summary: 'Change an alert',
        params: alertParams,
        body: SpendAlertUpdate,
        response: { 200: SpendAlertObject },
      },
    },
    async (request) => {
      const party = partyIn(place, request.params)
      await demandParty(query, request.exchange.caller, 'budgets.write', party)
      checkCurrency(request.body.currency, currency)
      const { id } = await known(party, request.params.alert)
      return object(await changeBudget(parts, actorOf(request), id, wanted(request.body)))
    },
  )
  const Deleted = Type.Object({ id: Type.String(), object: Type.String(), deleted: Type.Boolean() })
  server.delete(
    `${path}/:alert`,
    { config: writing, schema: { tags, summary: 'Remove an alert', params: alertParams, response: { 200: Deleted } } },
    async (request) => {
      const party = partyIn(place, request.params)
      await demandParty(query, request.exchange.caller, 'budgets.write', party)
      const alert = await known(party, request.params.alert)
      await removeBudget(parts, actorOf(request), alert)
      return { id: alert.id, object: `${place.noun}.spend_alert.deleted`, deleted: true }
    },
  )
}
