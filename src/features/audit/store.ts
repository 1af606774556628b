// Reads the audit log: pages by filter, and all of it in order. Writes nothing.

import type { Kysely, SelectQueryBuilder } from 'kysely'
import { fail } from '../../base/errors.ts'
import type { Row, Tables } from '../../database/tables.ts'
import type { AuditFacts } from '../../wire/audit.ts'

type Query = Kysely<Tables>

/** Which entries. Absent: all. Times are milliseconds since 1970, both ends within. */
export interface AuditFilter {
  readonly actions?: readonly string[]
  readonly workspaces?: readonly string[]
  readonly targets?: readonly string[]
  readonly targetKinds?: readonly string[]
  /** Ids of keys, sessions, service accounts or people. */
  readonly actors?: readonly string[]
  readonly actorKinds?: readonly string[]
  readonly emails?: readonly string[]
  readonly from?: number
  readonly until?: number
  /** Entries before this one, or after it. */
  readonly after?: string
  readonly before?: string
  readonly oldestFirst?: boolean
  readonly limit: number
}

/** A page of entries, the newest first unless the filter says otherwise. */
export async function listEntries(query: Query, filter: AuditFilter): Promise<readonly AuditFacts[]> {
  const { after, before, from, until, oldestFirst = false } = filter
  const order = oldestFirst ? 'asc' : 'desc'
  let select = withPeople(query).orderBy('audit_log.sequence', order).limit(filter.limit)
  select = narrow(select, filter)
  if (from !== undefined) select = select.where('audit_log.at', '>=', from)
  if (until !== undefined) select = select.where('audit_log.at', '<=', until)
  const places = {
    after: after === undefined ? undefined : await sequenceOf(query, after, 'after'),
    before: before === undefined ? undefined : await sequenceOf(query, before, 'before'),
  }
  const [later, earlier] = oldestFirst ? [places.after, places.before] : [places.before, places.after]
  if (earlier !== undefined) select = select.where('audit_log.sequence', '<', earlier)
  if (later !== undefined) select = select.where('audit_log.sequence', '>', later)
  return (await select.execute()).map(entryOf)
}

function narrow(select: Selecting, filter: AuditFilter): Selecting {
  const { actions, workspaces, targets, targetKinds, actorKinds, actors, emails } = filter
  let narrowed = select
  if (actions?.length) narrowed = narrowed.where('audit_log.action', 'in', actions)
  if (workspaces?.length) narrowed = narrowed.where('audit_log.workspace', 'in', workspaces)
  if (targetKinds?.length) narrowed = narrowed.where('audit_log.target_kind', 'in', targetKinds)
  if (actorKinds?.length) {
    narrowed = narrowed.where('audit_log.actor_kind', 'in', actorKinds as Row<'audit_log'>['actor_kind'][])
  }
  if (emails?.length)
    narrowed = narrowed.where(
      'users.email',
      'in',
      emails.map((email) => email.toLowerCase()),
    )
  if (targets?.length) {
    narrowed = narrowed.where(({ or, eb }) =>
      or([eb('audit_log.target', 'in', targets), eb('subject.user_id', 'in', targets)]),
    )
  }
  if (actors?.length) {
    narrowed = narrowed.where(({ or, eb }) =>
      or([
        eb('audit_log.actor', 'in', actors),
        eb('audit_log.actor_person', 'in', actors),
        eb('audit_log.actor_account', 'in', actors),
        eb('person.user_id', 'in', actors),
      ]),
    )
  }
  return narrowed
}

/** Entries with whom their pseudonyms stand for, as long as that is known. */
function withPeople(query: Query) {
  return query
    .selectFrom('audit_log')
    .leftJoin('audit_people as person', 'person.pseudonym', 'audit_log.actor_person')
    .leftJoin('audit_people as subject', 'subject.pseudonym', 'audit_log.target')
    .leftJoin('users', 'users.id', 'person.user_id')
    .leftJoin('workspaces', 'workspaces.id', 'audit_log.workspace')
    .leftJoin('audit_origins', 'audit_origins.sequence', 'audit_log.sequence')
    .selectAll('audit_log')
    .select([
      'person.user_id as person',
      'subject.user_id as subject',
      'users.email as email',
      'workspaces.name as workspace_name',
      'audit_origins.address as address',
    ])
}

type Selecting = ReturnType<typeof withPeople>
type Joined = Selecting extends SelectQueryBuilder<infer _Tables, infer _From, infer Selected> ? Selected : never

function entryOf(row: Joined): AuditFacts {
  return {
    ...{ sequence: row.sequence, id: row.id, at: row.at, action: row.action },
    ...{ actorKind: row.actor_kind, actor: row.actor, person: row.person ?? row.actor_person, email: row.email },
    ...{ serviceAccount: row.actor_account, address: row.address },
    ...{ workspace: row.workspace, workspaceName: row.workspace_name },
    ...{ targetKind: row.target_kind, target: row.subject ?? row.target },
    details: JSON.parse(row.details) as Record<string, unknown>,
  }
}

/** The place of an entry; throws `invalid_value` for an id that there is none of. */
async function sequenceOf(query: Query, id: string, param: string): Promise<number> {
  const row = await query.selectFrom('audit_log').select('sequence').where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw fail('invalid_value', { param, reason: 'there is no entry with this id' })
  return row.sequence
}

const batch = 1000

/** Every entry as it lies in the chain, in order. */
export async function* allEntries(query: Query): AsyncGenerator<Row<'audit_log'>> {
  for (let last = 0; ; ) {
    const rows = await query
      .selectFrom('audit_log')
      .selectAll()
      .where('sequence', '>', last)
      .orderBy('sequence')
      .limit(batch)
      .execute()
    yield* rows
    last = rows.at(-1)?.sequence ?? last
    if (rows.length < batch) return
  }
}
