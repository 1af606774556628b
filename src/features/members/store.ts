// People and their roles in workspaces, in the database. Knows no route.

import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import type { Row, Tables } from '../../database/tables.ts'

type Query = Kysely<Tables>

/** A person of the organisation. Times are milliseconds since 1970. */
export interface Person {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly role: Row<'users'>['role']
  readonly createdAt: number
  readonly disabledAt: number | null
  readonly lastSeenAt: number | null
}

/** A person's role in a workspace. */
export interface Membership {
  readonly workspace: string
  readonly workspaceName: string
  readonly user: string
  readonly role: Row<'members'>['role']
  readonly createdAt: number
}

/** People, the oldest first. */
export async function listPeople(
  query: Query,
  filter: { readonly emails?: readonly string[]; readonly search?: string } = {},
): Promise<readonly Person[]> {
  const rows = await query.selectFrom('users').selectAll().orderBy('created_at').orderBy('id').execute()
  const emails = filter.emails?.map((email) => email.toLowerCase())
  const search = filter.search?.toLowerCase() ?? ''
  return rows
    .map(personOf)
    .filter(({ email }) => emails === undefined || emails.includes(email))
    .filter(({ email, name }) => email.includes(search) || name.toLowerCase().includes(search))
}

/** One person; throws `not_found`. */
export async function personById(query: Query, id: string): Promise<Person> {
  const row = await query.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw unknownPerson(id)
  return personOf(row)
}

/** There is no such person. */
export function unknownPerson(id: string) {
  return fail('not_found', { what: 'user', id: id.slice(0, 100), param: 'user_id' })
}

/** Roles in workspaces that are not archived: of one person, of one workspace, or all. */
export async function listMemberships(
  query: Query,
  filter: { readonly user?: string; readonly workspace?: string } = {},
): Promise<readonly Membership[]> {
  const { user, workspace } = filter
  const rows = await query
    .selectFrom('members')
    .innerJoin('workspaces', 'workspaces.id', 'members.workspace')
    .selectAll('members')
    .select('workspaces.name as workspace_name')
    .where('workspaces.archived_at', 'is', null)
    .$if(user !== undefined, (select) => select.where('members.user_id', '=', user ?? ''))
    .$if(workspace !== undefined, (select) => select.where('members.workspace', '=', workspace ?? ''))
    .orderBy('members.created_at')
    .orderBy('members.user_id')
    .execute()
  return rows.map((row) => ({
    ...{ workspace: row.workspace, workspaceName: row.workspace_name, user: row.user_id },
    ...{ role: row.role, createdAt: row.created_at },
  }))
}

/** A row as a person: without the password. */
export function personOf(row: Row<'users'>): Person {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    role: row.role,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
    lastSeenAt: row.last_seen_at,
  }
}

/** When each person's keys were last used. */
export async function lastKeyUses(query: Query): Promise<ReadonlyMap<string, number>> {
  const rows = await query
    .selectFrom('keys')
    .select(({ fn }) => ['user_id', fn.max('last_used_at').as('at')])
    .where('user_id', 'is not', null)
    .where('last_used_at', 'is not', null)
    .groupBy('user_id')
    .execute()
  return new Map(rows.map(({ user_id, at }) => [user_id ?? '', Number(at)]))
}
