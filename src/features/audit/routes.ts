// The audit log's doors: both vendors' lists, the export, and the check of the chain. It is only ever read here.
import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Database } from '../../database/connect.ts'
import {
  AuditVerification,
  actionOfMistral,
  MistralAuditLog,
  mistralAuditLog,
  OpenaiAuditLog,
  openaiAuditLog,
} from '../../wire/audit.ts'
import type { Server } from '../../wire/exchange.ts'
import { asList, listObject, listSchema, readPaging, repeated } from '../../wire/paging.ts'
import { readTime } from '../../wire/times.ts'
import { verifyChain } from './chain.ts'
import { exportLines } from './export.ts'
import { allEntries, listEntries } from './store.ts'

const config = { permission: 'audit.read' } as const
const tags = ['audit']
const word = Type.String({ maxLength: 320 })
const words = repeated(word)
const digits = Type.String({ pattern: '^\\d{1,12}$' })

/** Adds the four routes. */
export function registerAudit(server: Server, { database }: { readonly database: Database }): void {
  registerOpenai(server, database)
  registerMistral(server, database)
  server.get(
    '/galerne/v1/audit/export',
    {
      config,
      schema: {
        tags,
        summary: 'The whole audit log as lines, with the hashes that bind them',
        querystring: Type.Object({ format: Type.Optional(Type.Enum(['jsonl', 'csv'])) }),
        produces: ['application/jsonl', 'text/csv'],
        response: { 200: Type.Unsafe<Readable>({ type: 'string' }) },
      },
    },
    async ({ query: { format = 'jsonl' } }, reply) => {
      const type = format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/jsonl'
      void reply.type(type).header('content-disposition', `attachment; filename="audit-log.${format}"`)
      return reply.send(Readable.from(exportLines(allEntries(database.query), format)))
    },
  )
  server.get(
    '/galerne/v1/audit/verify',
    {
      config,
      schema: {
        tags,
        summary: 'Whether the audit log is whole',
        description:
          'Recomputes every hash. With `sequence` and `hash` of an earlier check it also proves that nothing was rewritten since.',
        querystring: Type.Object({
          sequence: Type.Optional(digits),
          hash: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
        }),
        response: { 200: AuditVerification },
      },
    },
    async ({ query: { sequence, hash } }) => {
      if ((sequence === undefined) !== (hash === undefined)) {
        throw fail('invalid_value', {
          param: sequence === undefined ? 'sequence' : 'hash',
          reason: 'give both or none',
        })
      }
      const kept = sequence === undefined || hash === undefined ? undefined : { sequence: Number(sequence), hash }
      const { fault, ...found } = await verifyChain(database, kept)
      return { object: 'audit.verification' as const, ...found, fault: fault ?? null }
    },
  )
}

const openaiNames = ['event_types', 'project_ids', 'resource_ids', 'actor_ids', 'actor_emails'] as const

function registerOpenai(server: Server, { query }: Database): void {
  server.get(
    '/v1/organization/audit_logs',
    {
      config,
      schema: {
        tags,
        summary: 'List the audit log, the newest entry first',
        querystring: Type.Object({
          after: Type.Optional(word),
          before: Type.Optional(word),
          limit: Type.Optional(digits),
          ...{ event_types: words, 'event_types[]': words, project_ids: words, 'project_ids[]': words },
          ...{ resource_ids: words, 'resource_ids[]': words, actor_ids: words, 'actor_ids[]': words },
          ...{ actor_emails: words, 'actor_emails[]': words },
          ...{ 'effective_at[gt]': Type.Optional(digits), 'effective_at[gte]': Type.Optional(digits) },
          ...{ 'effective_at[lt]': Type.Optional(digits), 'effective_at[lte]': Type.Optional(digits) },
        }),
        response: { 200: listSchema(OpenaiAuditLog) },
      },
    },
    async ({ query: asked }) => {
      const paging = readPaging({ limit: asked.limit }, { usual: 20, most: 100 })
      const [actions, workspaces, targets, actors, emails] = openaiNames.map((name) => [
        ...asList(asked[name]),
        ...asList(asked[`${name}[]`]),
      ])
      const { after, before } = asked
      const from = startOf(asked['effective_at[gte]'], asked['effective_at[gt]'])
      const until = endOf(asked['effective_at[lte]'], asked['effective_at[lt]'])
      const entries = await listEntries(query, {
        ...{ actions: actions ?? [], workspaces: workspaces ?? [], targets: targets ?? [] },
        ...{ actors: actors ?? [], emails: emails ?? [], limit: paging.limit + 1 },
        ...(after !== undefined && { after }),
        ...(before !== undefined && { before }),
        ...(from !== undefined && { from }),
        ...(until !== undefined && { until }),
      })
      return listObject(entries.map(openaiAuditLog), paging, undefined)
    },
  )
}

/** The first millisecond of a range of seconds; `above` excludes its second. */
function startOf(atLeast: string | undefined, above: string | undefined): number | undefined {
  if (atLeast !== undefined) return Number(atLeast) * 1000
  return above === undefined ? undefined : (Number(above) + 1) * 1000
}

/** Its last millisecond. */
function endOf(atMost: string | undefined, below: string | undefined): number | undefined {
  if (atMost !== undefined) return Number(atMost) * 1000 + 999
  return below === undefined ? undefined : Number(below) * 1000 - 1
}

const mistralActors: Readonly<Record<string, string>> = { HUMAN: 'session', API_KEY: 'key', OTHER: 'system' }

function registerMistral(server: Server, { query }: Database): void {
  server.get(
    '/v1/admin/audit-logs',
    {
      config,
      schema: {
        tags: ['admin'],
        summary: 'List the audit log',
        querystring: Type.Object({
          actor_type: repeated(Type.Enum(['HUMAN', 'API_KEY', 'OTHER'])),
          event_type: words,
          target_type: words,
          actor_user_uuid: Type.Optional(word),
          sort: Type.Optional(Type.Enum(['asc', 'desc'])),
          after: Type.Optional(Type.String({ maxLength: 40, description: 'ISO 8601.' })),
          before: Type.Optional(Type.String({ maxLength: 40, description: 'ISO 8601.' })),
          limit: Type.Optional(digits),
        }),
        response: { 200: Type.Array(MistralAuditLog) },
      },
    },
    async ({ query: asked }) => {
      const { limit } = readPaging({ limit: asked.limit }, { usual: 20, most: 1000 })
      const from = momentOf(asked.after, 'after')
      const until = momentOf(asked.before, 'before')
      const entries = await listEntries(query, {
        actions: asList(asked.event_type).map(actionOfMistral),
        targetKinds: asList(asked.target_type).map((kind) => kind.toLowerCase()),
        actorKinds: asList(asked.actor_type).map((type) => mistralActors[type] ?? type),
        ...(asked.actor_user_uuid !== undefined && { actors: [asked.actor_user_uuid] }),
        ...(from !== undefined && { from }),
        ...(until !== undefined && { until }),
        ...{ oldestFirst: asked.sort === 'asc', limit },
      })
      return entries.map(mistralAuditLog)
    },
  )
}

function momentOf(text: string | undefined, param: string): number | undefined {
  if (text === undefined) return undefined
  const [day] = /^\d{4}-\d\d-\d\d(?=T|$)/.exec(text) ?? []
  const moment = day === undefined ? Number.NaN : Date.parse(text)
  if (day === undefined || Number.isNaN(moment)) {
    throw fail('invalid_value', { param, reason: 'it is no time in ISO 8601' })
  }
  // JavaScript takes the 31st of February for the 3rd of March.
  readTime(day, param)
  return moment
}
