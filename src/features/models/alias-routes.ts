// Aliases over HTTP: what there is and was for those who may see models; setting, removing, rolling back and measurements for administrators.
import { randomInt } from 'node:crypto'
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import { newWebhookKey } from '../../base/webhook-secret.ts'
import {
  AddQualityRequest,
  AliasChangeObject,
  type AliasChangeShown,
  AliasHistory,
  AliasList,
  AliasObject,
  type AliasShown,
  QualityList,
  QualityObject,
  type QualityShown,
  RollbackRequest,
  SetAliasRequest,
} from '../../wire/aliases.ts'
import type { Server } from '../../wire/exchange.ts'
import type { ModelCard } from '../../wire/model.ts'
import { ListQuery, listObject, pageOf, readPaging } from '../../wire/paging.ts'
import { seconds } from '../../wire/times.ts'
import { actorOf } from '../audit/record.ts'
import { modelUnder } from './adapted-model.ts'
import type { Alias, AliasChange, AliasState, Canary } from './alias.ts'
import type { SetAlias } from './alias-changes.ts'
import { readHistory } from './alias-store.ts'
import { familyOf, parseModelName, shownDigest } from './name.ts'
import { type QualityResult, readQuality } from './quality-store.ts'
import type { Routing } from './routing.ts'

/** What the routes need. */
export interface AliasRoutes {
  readonly routing: Routing
  /** The model that a target leads to, past aliases, with or without adapters; undefined where it is not here. */
  readonly behind: (target: string) => ModelCard | undefined
}

const tags = ['models']
const reading = { permission: 'models.read' } as const
const writing = { permission: 'server.write' } as const
const nameParams = Type.Object({ name: Type.String({ maxLength: 200, description: 'The alias.' }) })
/** What a name may be made of; `@` and `+` would mean a version and an adapter. */
const aliasForm = /^[A-Za-z0-9][\w.:/-]{0,199}$/

/** Adds the routes. */
export function registerAliases(server: Server, parts: AliasRoutes): void {
  addReading(server, parts)
  addWriting(server, parts)
  addQualityRoutes(server, parts)
}

function addReading(server: Server, { routing, behind }: AliasRoutes): void {
  const { aliases, database } = routing
  server.get(
    '/galerne/v1/aliases',
    {
      config: reading,
      schema: { tags, summary: 'Aliases that operators set', querystring: ListQuery, response: { 200: AliasList } },
    },
    async ({ query }) => {
      const page = pageOf(aliases.all(), readPaging(query), ({ name }) => name)
      return { ...page, data: page.data.map((alias) => aliasObject(alias, behind)) }
    },
  )
  server.get(
    '/galerne/v1/aliases/:name',
    { config: reading, schema: { tags, summary: 'One alias', params: nameParams, response: { 200: AliasObject } } },
    async ({ params: { name } }) => {
      const alias = aliases.of(name)
      if (alias === undefined) throw fail('not_found', { what: 'alias', id: name.slice(0, 100), param: 'name' })
      return aliasObject(alias, behind)
    },
  )
  server.get(
    '/galerne/v1/aliases/:name/history',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Who pointed an alias where, and when',
        description: 'The newest change first; also of an alias that was removed.',
        params: nameParams,
        querystring: ListQuery,
        response: { 200: AliasHistory },
      },
    },
    async ({ params: { name }, query }) => {
      const paging = readPaging(query)
      const { after, limit } = paging
      const changes = await readHistory(database.query, name, { after, limit: limit + 1 })
      if (changes.length === 0 && after === undefined) {
        throw fail('not_found', { what: 'alias', id: name.slice(0, 100), param: 'name' })
      }
      return listObject(changes.map(changeObject), paging, undefined)
    },
  )
}

function addWriting(server: Server, parts: AliasRoutes): void {
  const { changes } = parts.routing
  server.put(
    '/galerne/v1/aliases/:name',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Point an alias at a model, with a canary and a shadow',
        description:
          'Counts on every node from the next call on; calls at work end where they began. The body says all of it: a canary or shadow ' +
          'that it does not name is taken off. An alias may have the name of a model, and then stands before it. Where the address of a ' +
          'webhook is new, the answer holds the secret that its messages are signed with, this once.',
        params: nameParams,
        body: SetAliasRequest,
        response: { 200: AliasObject },
      },
    },
    async (request) => {
      const { name } = request.params
      const before = parts.routing.aliases.of(name)
      await changes.set(actorOf(request), checkedName(name), wantedOf(request.body, parts, before))
      return shownNow(name, parts, before)
    },
  )
  server.delete(
    '/galerne/v1/aliases/:name',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Remove an alias; its history stays',
        params: nameParams,
        response: { 200: AliasChangeObject },
      },
    },
    async (request) => changeObject(await changes.remove(actorOf(request), request.params.name)),
  )
  server.post(
    '/galerne/v1/aliases/:name/rollback',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Undo a change of an alias',
        description:
          'Back to before the last change, or with `to` to what it was after that one. A removed alias comes back, too.',
        params: nameParams,
        body: RollbackRequest,
        response: { 200: AliasChangeObject },
      },
    },
    async (request) => {
      const { to, reason } = request.body
      const back = { ...(to != null && { to }), ...(reason != null && { reason }) }
      const change = await changes.rollBack(actorOf(request), request.params.name, back)
      return changeObject(change)
    },
  )
}

function addQualityRoutes(server: Server, { routing, behind }: AliasRoutes): void {
  const { changes, database } = routing
  server.get(
    '/galerne/v1/model-quality',
    {
      config: reading,
      schema: {
        tags,
        summary: 'What was measured of weights',
        querystring: Type.Object({
          ...ListQuery.properties,
          digest: Type.Optional(Type.String({ pattern: '^(sha256:)?[0-9a-f]{64}$' })),
          model: Type.Optional(Type.String({ maxLength: 512 })),
        }),
        response: { 200: QualityList },
      },
    },
    async ({ query: { digest, model, ...asked } }) => {
      const wanted = digest === undefined && model === undefined ? undefined : digestFor({ digest, model }, behind)
      const paging = readPaging(asked)
      const results = await readQuality(database.query, wanted, { after: paging.after, limit: paging.limit + 1 })
      return listObject(results.map(qualityObject), paging, undefined)
    },
  )
  server.post(
    '/galerne/v1/model-quality',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Keep a measurement of weights',
        description: 'Canaries whose gates it does not pass are rolled back at once.',
        body: AddQualityRequest,
        response: { 200: QualityObject },
      },
    },
    async (request) => {
      const { perplexity = null, accuracy = null, note = null, text_sha256: text } = request.body
      if (perplexity === null && accuracy === null) {
        throw fail('invalid_value', { param: 'perplexity', reason: 'give a perplexity, an accuracy, or both' })
      }
      const digest = digestFor(request.body, behind)
      const textSha256 = text == null ? null : text.replace(/^sha256:/, '')
      return qualityObject(
        await changes.addQuality(actorOf(request), { digest, perplexity, accuracy, textSha256, note }),
      )
    },
  )
}

function digestFor(
  { digest, model }: { readonly digest?: string | undefined; readonly model?: string | undefined },
  behind: AliasRoutes['behind'],
): string {
  if (digest !== undefined) return digest.replace(/^sha256:/, '')
  if (model === undefined) throw fail('invalid_value', { param: 'digest', reason: 'give a digest or a model' })
  const card = behind(model)
  if (card === undefined) throw fail('model_not_found', { model: model.slice(0, 200), param: 'model' })
  if (card.parent !== undefined) {
    const reason = 'measurements are of weights alone, and adapters change what those say: name the model without'
    throw fail('invalid_value', { param: 'model', reason })
  }
  if (card.digest === null)
    throw fail('invalid_value', { param: 'model', reason: 'the digest of its weights is not known' })
  return card.digest
}

/** With the secret of its canary's webhook, where it is a new one: the only answer that ever holds it. */
function shownNow(name: string, { routing, behind }: AliasRoutes, before: Alias | undefined): AliasShown {
  const alias = routing.aliases.of(name)
  if (alias === undefined) throw fail('not_found', { what: 'alias', id: name.slice(0, 100), param: 'name' })
  const shown = aliasObject(alias, behind)
  const key = alias.canary?.webhookKey
  const isNew = key !== undefined && key.seed !== before?.canary?.webhookKey?.seed
  if (!isNew || routing.secretOf === undefined) return shown
  return { ...shown, canary: shown.canary && { ...shown.canary, webhook_secret: routing.secretOf(key) } }
}

function checkedName(name: string): string {
  if (aliasForm.test(name)) return name
  const reason =
    'an alias is made of letters, digits and the signs . : / - _, 200 at most, and begins with a letter or digit'
  throw fail('invalid_value', { param: 'name', reason })
}

function wantedOf(body: SetAliasRequest, { behind, routing }: AliasRoutes, before: Alias | undefined): SetAlias {
  if (body.canary?.webhook != null && routing.secretOf === undefined) {
    throw fail('invalid_value', { param: 'canary.webhook', reason: 'this server has no webhook-secret to sign with' })
  }
  const target = exactTarget(body.target, 'target', behind)
  const { canary, shadow, reason = null, revision } = body
  const wanted = {
    target,
    canary: canary == null ? null : canaryOf(canary, behind, before?.canary ?? null),
    shadow:
      shadow == null
        ? null
        : { target: exactTarget(shadow.target, 'shadow.target', behind), percent: shadow.percent ?? 100 },
    ...{ reason, revision },
  }
  requireLikeness(target, wanted.canary?.target, 'canary.target', behind)
  requireLikeness(target, wanted.shadow?.target, 'shadow.target', behind)
  return wanted
}

/** What a caller may ask of the target must be possible with what takes its place, or a part of the calls would be refused. */
function requireLikeness(
  target: string,
  other: string | undefined,
  param: string,
  behind: AliasRoutes['behind'],
): void {
  const [one, two] = [behind(target)?.capabilities, other === undefined ? undefined : behind(other)?.capabilities]
  if (one === undefined || two === undefined) return
  const lacking = (Object.keys(one) as (keyof typeof one)[]).filter(
    (can) => can !== 'reasoning' && one[can] && !two[can],
  )
  if (lacking.length === 0) return
  const reason = `"${other}" does not do all that "${target}" does: it lacks ${lacking.join(', ')}`
  throw fail('invalid_value', { param, reason })
}

function canaryOf(
  canary: NonNullable<SetAliasRequest['canary']>,
  behind: AliasRoutes['behind'],
  before: Canary | null,
): Canary {
  const { percent, sticky = 'key', seed = randomInt(2 ** 32 - 1), rollback = {}, gate, webhook = null } = canary
  return {
    target: exactTarget(canary.target, 'canary.target', behind),
    ...{ percent, sticky, seed, webhook },
    ...webhookKeyOf(webhook, before),
    rollback: {
      errorRate: rollback.error_rate ?? 0.05,
      minimumCalls: rollback.minimum_calls ?? 20,
      windowMs: (rollback.window_seconds ?? 300) * 1000,
      firstTokenRatio: rollback.first_token_ratio ?? null,
    },
    gate:
      gate == null
        ? null
        : {
            maxPerplexity: gate.max_perplexity ?? null,
            maxPerplexityRatio: gate.max_perplexity_ratio ?? null,
            minAccuracy: gate.min_accuracy ?? null,
          },
  }
}

/** The same receiver keeps its secret, another one gets its own. */
function webhookKeyOf(webhook: string | null, before: Canary | null): Pick<Canary, 'webhookKey'> {
  if (webhook === null) return {}
  if (webhook !== before?.webhook) return { webhookKey: newWebhookKey() }
  return before.webhookKey === undefined ? {} : { webhookKey: before.webhookKey }
}

/** A version keeps its whole digest, so that no later weights can be meant; a name stays a name, and adapters behind it stay there. */
function exactTarget(target: string, param: string, behind: AliasRoutes['behind']): string {
  const card = behind(target)
  if (card === undefined) {
    const reason = `no model is served as "${target.slice(0, 200)}"; "galerne load" serves weights that are on this machine`
    throw fail('invalid_value', { param, reason })
  }
  const model = (card.parent === undefined ? undefined : modelUnder(target)) ?? target
  const { name, digest } = model.includes('@') ? parseModelName(model) : { name: model, digest: undefined }
  if (digest === undefined || card.digest === null) return target
  return `${familyOf(name)}@sha256:${card.digest}${target.slice(model.length)}`
}

function aliasObject(alias: Alias, behind: AliasRoutes['behind']): AliasShown {
  const { name, canary, revision, updatedAt } = alias
  const digest = shownDigest(behind(alias.target)?.digest)
  const canaryDigest = canary === null ? null : shownDigest(behind(canary.target)?.digest)
  const facts = { digest, canary_digest: canaryDigest, revision, updated_at: seconds(updatedAt) }
  return { object: 'alias', name, ...stateObject(alias), ...facts }
}

function stateObject({ target, canary, shadow }: AliasState): Pick<AliasShown, 'target' | 'canary' | 'shadow'> {
  return { target, shadow, canary: canary && canaryObject(canary) }
}

function canaryObject(canary: Canary): NonNullable<AliasShown['canary']> {
  const { target, percent, sticky, seed, rollback, gate, webhook } = canary
  return {
    ...{ target, percent, sticky, seed, webhook },
    rollback: {
      error_rate: rollback.errorRate,
      minimum_calls: rollback.minimumCalls,
      window_seconds: rollback.windowMs / 1000,
      first_token_ratio: rollback.firstTokenRatio,
    },
    gate: gate && {
      max_perplexity: gate.maxPerplexity,
      max_perplexity_ratio: gate.maxPerplexityRatio,
      min_accuracy: gate.minAccuracy,
    },
  }
}

function changeObject(change: AliasChange): AliasChangeShown {
  const { id, alias, at, actor, action, reason, before, after } = change
  return {
    ...{ object: 'alias.change', id, alias, at: seconds(at), actor, action, reason },
    before: before && stateObject(before),
    after: after && stateObject(after),
  }
}

function qualityObject({ id, digest, perplexity, accuracy, textSha256, note, at }: QualityResult): QualityShown {
  const facts = { text_sha256: textSha256, note, at: seconds(at) }
  return { object: 'model.quality', id, digest: `sha256:${digest}`, perplexity, accuracy, ...facts }
}
