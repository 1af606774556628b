// OpenAI's /v1/organization/projects/{project}/rate_limits: a workspace's limits per model.
import type { Static } from 'typebox'
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Server } from '../../wire/exchange.ts'
import { idField } from '../../wire/fields.ts'
import { ProjectRateLimit, ProjectRateLimitUpdate } from '../../wire/limit-objects.ts'
import { listSchema, pageOf, pagingFields, readPaging } from '../../wire/paging.ts'
import { actorOf } from '../audit/record.ts'
import { demandParty } from './access.ts'
import { type LimitRoutes, setLimit } from './routes.ts'
import { type Limit, limitStore } from './store.ts'

const tags = ['organization']
const path = '/v1/organization/projects/:workspace/rate_limits'
const unlimited = Number.MAX_SAFE_INTEGER

/** Adds both routes. */
export function registerProjectRateLimits(server: Server, parts: LimitRoutes): void {
  const { query } = parts.acts.database
  const limitsOf = async (workspace: string) =>
    (await limitStore(parts.acts.database).limits()).filter(
      ({ scope, subject }) => scope === 'workspace' && subject === workspace,
    )
  server.get(
    path,
    {
      config: { permission: 'limits.read' },
      schema: {
        tags,
        summary: "A project's limits per model",
        description: 'Where there is no limit, the number is the largest that is exact in JSON.',
        params: Type.Object({ workspace: idField }),
        querystring: Type.Object({ ...pagingFields, before: Type.Optional(idField) }),
        response: { 200: listSchema(ProjectRateLimit) },
      },
    },
    async ({ params: { workspace }, query: asked, exchange: { caller } }) => {
      await demandParty(query, caller, 'limits.read', { scope: 'workspace', subject: workspace })
      const limits = await limitsOf(workspace)
      const objects = ['*', ...parts.models()].map((model) => objectOf(model, limits))
      return pageOf(objects, readPaging(asked, { usual: 100, most: 100 }))
    },
  )
  server.post(
    `${path}/:id`,
    {
      config: { permission: 'limits.write' },
      schema: {
        tags,
        summary: "Set a project's limits of a model",
        params: Type.Object({ workspace: idField, id: idField }),
        body: ProjectRateLimitUpdate,
        response: { 200: ProjectRateLimit },
      },
    },
    async (request) => {
      const { workspace, id } = request.params
      const party = { scope: 'workspace', subject: workspace } as const
      await demandParty(query, request.exchange.caller, 'limits.write', party)
      const model = ['*', ...parts.models()].find((name) => idOf(name) === id)
      if (model === undefined) throw fail('not_found', { what: 'rate limit', id, param: 'rate_limit_id' })
      const { max_requests_per_1_minute, max_tokens_per_1_minute } = request.body
      await setLimit(
        parts,
        actorOf(request),
        { ...party, model },
        {
          ...(max_requests_per_1_minute !== undefined && { requestsPerMinute: max_requests_per_1_minute }),
          ...(max_tokens_per_1_minute !== undefined && { tokensPerMinute: max_tokens_per_1_minute }),
        },
      )
      return objectOf(model, await limitsOf(workspace))
    },
  )
}

const idOf = (model: string) => `rl-${model === '*' ? 'all' : model.replace(/[^\w.-]/g, '_')}`

function objectOf(model: string, limits: readonly Limit[]): Static<typeof ProjectRateLimit> {
  const limit = limits.find((row) => row.model === model)
  return {
    ...{ id: idOf(model), object: 'project.rate_limit', model },
    max_requests_per_1_minute: limit?.requestsPerMinute ?? unlimited,
    max_tokens_per_1_minute: limit?.tokensPerMinute ?? unlimited,
  }
}
