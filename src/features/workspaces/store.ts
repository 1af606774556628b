// The organisation and its workspaces in the database. Knows no route.

import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import type { Row, Tables } from '../../database/tables.ts'

type Query = Kysely<Tables>

/** A workspace. Times are milliseconds since 1970. */
export interface Workspace {
  readonly id: string
  readonly name: string
  readonly description: string | null
  readonly createdAt: number
  readonly archivedAt: number | null
  readonly members: number
}

/** The organisation's id and name. */
export async function organisation(query: Query): Promise<Pick<Row<'organisation'>, 'id' | 'name' | 'created_at'>> {
  return await query.selectFrom('organisation').select(['id', 'name', 'created_at']).executeTakeFirstOrThrow()
}

/** Workspaces by name, those that are not archived first asked for by default. */
export async function listWorkspaces(
  query: Query,
  filter: { readonly archived?: boolean; readonly search?: string } = {},
): Promise<readonly Workspace[]> {
  const { archived = false, search = '' } = filter
  const rows = await withCounts(query).orderBy('workspaces.created_at').orderBy('workspaces.id').execute()
  const wanted = search.toLowerCase()
  return rows
    .map(workspaceOf)
    .filter((workspace) => archived || workspace.archivedAt === null)
    .filter(({ name, id }) => name.toLowerCase().includes(wanted) || id.includes(wanted))
}

/** One workspace; throws `not_found`. */
export async function workspaceById(query: Query, id: string): Promise<Workspace> {
  const row = await withCounts(query).where('workspaces.id', '=', id).executeTakeFirst()
  if (row === undefined) throw unknownWorkspace(id)
  return workspaceOf(row)
}

/** There is no such workspace, or none that the caller may know of. */
export function unknownWorkspace(id: string) {
  return fail('not_found', { what: 'workspace', id: id.slice(0, 100), param: 'workspace' })
}

function withCounts(query: Query) {
  return query
    .selectFrom('workspaces')
    .selectAll('workspaces')
    .select((select) =>
      select
        .selectFrom('members')
        .select(({ fn }) => fn.countAll<number | string>().as('count'))
        .whereRef('members.workspace', '=', 'workspaces.id')
        .as('members'),
    )
}

function workspaceOf(row: Row<'workspaces'> & { readonly members: number | string | null }): Workspace {
  const { id, name, description } = row
  return {
    ...{ id, name, description, createdAt: row.created_at, archivedAt: row.archived_at },
    members: Number(row.members ?? 0),
  }
}
