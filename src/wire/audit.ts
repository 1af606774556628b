// The audit log on the wire: OpenAI's and Mistral's lists, our export and the check of its chain. Knows no table.

import { type Static, Type } from 'typebox'
import { iso } from './admin.ts'
import { nullable, timestamp } from './fields.ts'
import { seconds } from './times.ts'

/** An entry with whom its pseudonyms stand for now. Times are milliseconds since 1970. */
export interface AuditFacts {
  readonly sequence: number
  readonly id: string
  readonly at: number
  readonly action: string
  readonly actorKind: 'key' | 'session' | 'system'
  readonly actor: string
  /** The person who acted: the id while they are here, else the pseudonym. */
  readonly person: string | null
  readonly email: string | null
  readonly serviceAccount: string | null
  readonly address: string | null
  readonly workspace: string | null
  readonly workspaceName: string | null
  readonly targetKind: string
  readonly target: string
  readonly details: Readonly<Record<string, unknown>>
}

const anything = Type.Object({}, { additionalProperties: true })

/** OpenAI's entry: what was acted on lies under the name of the act. */
export const OpenaiAuditLog = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('organization.audit_log'),
    type: Type.String(),
    effective_at: timestamp,
    actor: nullable(anything),
    project: Type.Optional(Type.Object({ id: Type.String(), name: Type.String() })),
  },
  { additionalProperties: true },
)

/** An entry as OpenAI shows it. */
export function openaiAuditLog(entry: AuditFacts): Static<typeof OpenaiAuditLog> {
  const { workspace, workspaceName } = entry
  return {
    ...{ id: entry.id, object: 'organization.audit_log', type: entry.action, effective_at: seconds(entry.at) },
    actor: openaiActor(entry),
    ...(workspace !== null && { project: { id: workspace, name: workspaceName ?? workspace } }),
    [entry.action]: { id: entry.target, kind: entry.targetKind, data: entry.details },
  }
}

function openaiActor({ actorKind, actor, person, email, serviceAccount, address }: AuditFacts): object | null {
  const user = person === null ? undefined : { id: person, ...(email !== null && { email }) }
  if (actorKind === 'system') return null
  if (actorKind === 'session') return { type: 'session', session: { user, ip_address: address } }
  const holder = user === undefined ? 'service_account' : 'user'
  const behind = user === undefined ? { service_account: { id: serviceAccount ?? actor } } : { user }
  return { type: 'api_key', api_key: { id: actor, type: holder, ...behind, ip_address: address } }
}

/** Facts as Mistral tells them: every value is a text. */
const texts = Type.Record(Type.String(), Type.String())

/** Mistral's entry. */
export const MistralAuditLog = Type.Object({
  log_id: Type.Integer(),
  created_at: Type.String(),
  event_type: Type.String(),
  event_metadata: texts,
  actor_type: Type.Enum(['HUMAN', 'API_KEY', 'OTHER']),
  actor_metadata: texts,
  target_type: Type.String(),
  target_metadata: texts,
  organization_uuid: nullable(Type.String()),
  workspace_uuid: nullable(Type.String()),
})

/** Mistral's names for acts that have one there. */
const mistralNames: Readonly<Record<string, string>> = {
  ...{
    'project.created': 'workspace.create',
    'project.updated': 'workspace.update',
    'project.archived': 'workspace.delete',
  },
  ...{ 'user.added': 'user.organization.join', 'user.deleted': 'user.organization.delete' },
  ...{ 'user.updated': 'user.organization.role.update', 'login.succeeded': 'user.log_in' },
  ...{ 'role.assignment.created': 'workspace.member.add', 'role.assignment.deleted': 'workspace.member.remove' },
  ...{ 'invite.sent': 'organization.invite.send', 'invite.deleted': 'organization.invite.revoked' },
  ...{ 'invite.accepted': 'organization.invite.accepted', 'organization.updated': 'organization.update' },
  ...{ 'api_key.created': 'api_key.create', 'api_key.updated': 'api_key.rotate', 'api_key.deleted': 'api_key.delete' },
  ...{ 'service_account.created': 'service_account.create', 'service_account.updated': 'service_account.update' },
  ...{ 'service_account.deleted': 'service_account.delete' },
}

/** Our name for one of Mistral's, or the name itself. */
export const actionOfMistral = (name: string): string =>
  Object.entries(mistralNames).find(([, theirs]) => theirs === name)?.[0] ?? name

/** An entry as Mistral shows it. */
export function mistralAuditLog(entry: AuditFacts): Static<typeof MistralAuditLog> {
  const { person, email, actor, serviceAccount, address } = entry
  return {
    ...{ log_id: entry.sequence, created_at: iso(entry.at) },
    ...{ event_type: mistralNames[entry.action] ?? entry.action, event_metadata: asTexts(entry.details) },
    actor_type: entry.actorKind === 'session' ? 'HUMAN' : entry.actorKind === 'key' ? 'API_KEY' : 'OTHER',
    actor_metadata: asTexts({
      ...{ id: actor, user_uuid: person, email, service_account_id: serviceAccount, ip_address: address },
    }),
    ...{ target_type: entry.targetKind.toUpperCase(), target_metadata: { id: entry.target } },
    ...{ organization_uuid: 'organisation', workspace_uuid: entry.workspace },
  }
}

/** What is not there is left out; numbers and lists are written as JSON. */
function asTexts(facts: Readonly<Record<string, unknown>>): Record<string, string> {
  const there = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(
    there.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  )
}

/** `GET /galerne/v1/audit/verify`. */
export const AuditVerification = Type.Object({
  object: Type.Literal('audit.verification'),
  valid: Type.Boolean(),
  entries: Type.Integer({ description: 'Entries that are in order, from the first on.' }),
  head: Type.String({ description: 'Hash of the last of them: keep it elsewhere, and give it to a later check.' }),
  fault: nullable(Type.Object({ sequence: Type.Integer(), reason: Type.String() })),
})
