// Routes below a workspace that is not there answer 404, and one that is archived takes nothing new. Knows no route by name.
import type { FastifyInstance } from 'fastify'
import { fail } from '../base/errors.ts'
import type { Database } from '../database/connect.ts'
import { workspaceById } from '../features/workspaces/store.ts'

/** Adds the check for every route with a workspace in its path. Call it before routes are added. */
export function demandWorkspace(server: FastifyInstance, { query }: Pick<Database, 'query'>): void {
  server.addHook('preValidation', async ({ method, params, routeOptions }) => {
    const { workspace } = (params ?? {}) as { readonly workspace?: string }
    if (workspace === undefined) return
    const { archivedAt } = await workspaceById(query, workspace)
    // What is in it may be read and taken away, and archiving it again changes nothing.
    const adds = method === 'POST' || method === 'PUT' || method === 'PATCH'
    if (archivedAt === null || !adds || routeOptions.url?.endsWith('/archive') === true) return
    throw fail('invalid_value', { param: 'workspace', reason: 'it is archived' })
  })
}
