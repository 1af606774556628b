// OpenAI's /v1/organization/projects: our workspaces, for who may see them. Knows the wire and the verbs, no table.
import { Type } from 'typebox'
import type { Server } from '../../wire/exchange.ts'
import { Project, ProjectCreate, ProjectUpdate, projectObject } from '../../wire/organization.ts'
import { flag, isTrue, listSchema, pageOf, pagingFields, readPaging } from '../../wire/paging.ts'
import { may } from '../../wire/permissions.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { archiveWorkspace, createWorkspace, renameWorkspace } from './change.ts'
import { listWorkspaces, workspaceById } from './store.ts'

const tags = ['organization']
const path = '/v1/organization/projects'
const params = Type.Object({ workspace: Type.String({ maxLength: 200, description: 'Id of the project.' }) })
const pages = { usual: 20, most: 100 }

/** Adds the five routes. */
export function registerProjects(server: Server, { acts }: { readonly acts: Acts }): void {
  const { query } = acts.database
  server.get(
    path,
    {
      config: { permission: 'workspaces.read' },
      schema: {
        tags,
        summary: 'List the projects that one may see',
        querystring: Type.Object({ ...pagingFields, include_archived: Type.Optional(flag) }),
        response: { 200: listSchema(Project) },
      },
    },
    async ({ query: asked, exchange: { caller } }) => {
      const all = await listWorkspaces(query, { archived: isTrue(asked.include_archived) })
      const seen = all.filter(({ id }) => may(caller, 'workspaces.read', id))
      return pageOf(seen.map(projectObject), readPaging(asked, pages))
    },
  )
  server.post(
    path,
    {
      config: { permission: 'workspaces.create' },
      schema: { tags, summary: 'Make a project', body: ProjectCreate, response: { 200: Project } },
    },
    async (request) => {
      const { caller } = request.exchange
      const admin = caller.user === undefined ? {} : { admin: caller.user }
      return projectObject(await createWorkspace(acts, actorOf(request), { name: request.body.name, ...admin }))
    },
  )
  server.get(
    `${path}/:workspace`,
    {
      config: { permission: 'workspaces.read' },
      schema: { tags, summary: 'One project', params, response: { 200: Project } },
    },
    async ({ params: { workspace } }) => projectObject(await workspaceById(query, workspace)),
  )
  server.post(
    `${path}/:workspace`,
    {
      config: { permission: 'workspaces.write' },
      schema: { tags, summary: 'Rename a project', params, body: ProjectUpdate, response: { 200: Project } },
    },
    async (request) => {
      const { name } = request.body
      const text = typeof name === 'string' ? { name } : {}
      return projectObject(await renameWorkspace(acts, actorOf(request), request.params.workspace, text))
    },
  )
  server.post(
    `${path}/:workspace/archive`,
    {
      config: { permission: 'workspaces.create' },
      schema: { tags, summary: 'Archive a project', params, response: { 200: Project } },
    },
    async (request) => projectObject(await archiveWorkspace(acts, actorOf(request), request.params.workspace)),
  )
}
