// The batches' door in Mistral's shape: /v1/batch/jobs.
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import {
  BatchJob,
  BatchJobList,
  BatchJobQuery,
  CreateBatchJob,
  DeletedBatchJob,
  InlineQuery,
} from '../../wire/batches.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import { idField } from '../../wire/fields.ts'
import { asList, isTrue, listObject, readPaging } from '../../wire/paging.ts'
import type { Files } from '../files/files.ts'
import { ownerOf } from '../files/store.ts'
import type { Batches, NewBatch } from './batches.ts'
import { readOutputs } from './outputs.ts'
import type { BatchFilter } from './store.ts'
import { batchJob, statusesOf } from './views.ts'

const tags = ['batches']
const reading = { permission: 'batches.read' } as const
const writing = { permission: 'batches.write' } as const
const params = Type.Object({ id: idField })
const hour = 3_600_000
const usualHours = 24

/** Adds Mistral's routes. */
export function registerJobs(
  server: Server,
  { batches, files }: { readonly batches: Batches; readonly files: Files },
): void {
  server.post(
    '/v1/batch/jobs',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Answer files of requests, or requests in the body, at half price and below live traffic',
        body: CreateBatchJob,
        response: { 200: BatchJob },
      },
    },
    async ({ body, exchange }) => {
      if (body.agent_id) {
        throw fail('unsupported_value', { param: 'agent_id', reason: 'this server has no agents; name a model' })
      }
      const hours = body.timeout_hours ?? usualHours
      const batch = await batches.create(exchange.caller, {
        dialect: 'mistral',
        endpoint: body.endpoint,
        model: body.model ?? null,
        completion_window: `${hours}h`,
        window: hours * hour,
        output_expires_after: null,
        metadata: body.metadata ?? null,
        input: readInput(body.input_files ?? [], body.requests ?? []),
      })
      return batchJob(batch)
    },
  )
  server.get(
    '/v1/batch/jobs',
    {
      config: reading,
      schema: { tags, summary: 'List batch jobs', querystring: BatchJobQuery, response: { 200: BatchJobList } },
    },
    async ({ query, exchange }) => {
      const paging = readPaging(
        {
          ...(typeof query.page === 'string' && { page: query.page }),
          ...(typeof query.page_size === 'string' && { page_size: query.page_size }),
        },
        { usual: 100, most: 1000 },
      )
      const { rows, total } = await batches.store.list(
        exchange.caller.workspace,
        readFilter(query as BatchJobQuery, exchange.caller),
        paging,
      )
      return listObject(
        rows.map((row) => batchJob(row)),
        paging,
        total,
      )
    },
  )
  server.get(
    '/v1/batch/jobs/:id',
    {
      config: reading,
      schema: { tags, summary: 'One batch job', params, querystring: InlineQuery, response: { 200: BatchJob } },
    },
    async (request) => {
      const batch = await batches.get(request.exchange.caller, request.params.id, 'job_id')
      return batchJob(
        batch,
        isTrue(request.query.inline) ? await readOutputs(batch, files, request.exchange.caller) : null,
      )
    },
  )
  server.post(
    '/v1/batch/jobs/:id/cancel',
    { config: writing, schema: { tags, summary: 'Cancel a batch job', params, response: { 200: BatchJob } } },
    async (request) => batchJob(await batches.cancel(request.exchange.caller, request.params.id, 'job_id')),
  )
  server.delete(
    '/v1/batch/jobs/:id',
    { config: writing, schema: { tags, summary: 'Delete a batch job', params, response: { 200: DeletedBatchJob } } },
    async ({ params: { id }, exchange }) => {
      await batches.remove(exchange.caller, id, 'job_id')
      return { id, object: 'batch' as const, deleted: true as const }
    },
  )
}

/** Files or requests, never both. */
function readInput(files: readonly string[], requests: readonly { custom_id?: string | null; body: object }[]) {
  if (files.length > 0 === requests.length > 0) {
    const reason = files.length > 0 ? 'it does not go with requests: send one of them' : 'send input_files or requests'
    throw fail('invalid_value', { param: 'input_files', reason })
  }
  return (files.length > 0 ? { files, param: 'input_files' } : { requests }) satisfies NewBatch['input']
}

const known = new Set(Object.keys(BatchJobQuery.properties))

/** Mistral's clients write the metadata to look for as plain names beside the others. */
function readFilter(query: BatchJobQuery, caller: Caller): BatchFilter {
  const metadata = Object.entries(query).filter(([name]) => !known.has(name)) as [string, string][]
  if (metadata.some(([name]) => name.includes('\0'))) {
    throw fail('invalid_value', { param: 'metadata', reason: 'its names must not hold the character 0' })
  }
  const statuses = asList(query.status).flatMap(statusesOf)
  const { created_after: after } = query
  const createdAfter = after === undefined ? undefined : Date.parse(after)
  if (Number.isNaN(createdAfter)) {
    throw fail('invalid_value', { param: 'created_after', reason: 'it is no date and time as in RFC 3339' })
  }
  return {
    ...(query.model !== undefined && { model: query.model }),
    ...(isTrue(query.created_by_me) && { owner: ownerOf(caller) }),
    ...(statuses.length > 0 && { statuses }),
    ...(createdAfter !== undefined && { createdAfter }),
    ...(metadata.length > 0 && { metadata: Object.fromEntries(metadata) }),
    ascending: query.order_by === 'created',
  }
}
