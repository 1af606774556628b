// The batches' door in OpenAI's shape: /v1/batches. Mistral's is beside it.
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import { BatchList, BatchObject, BatchQuery, CreateBatch } from '../../wire/batches.ts'
import type { Server } from '../../wire/exchange.ts'
import { idField } from '../../wire/fields.ts'
import { listObject, readPaging } from '../../wire/paging.ts'
import type { Files } from '../files/files.ts'
import type { Batches } from './batches.ts'
import { registerJobs } from './job-routes.ts'
import { batchObject } from './views.ts'

const tags = ['batches']
const reading = { permission: 'batches.read' } as const
const writing = { permission: 'batches.write' } as const
const params = Type.Object({ id: idField })
const hour = 3_600_000

/** `24h` → 24. */
function hoursOf(window: string): number {
  const hours = /^[1-9]\d{0,2}h$/.test(window) ? Number.parseInt(window, 10) : Number.NaN
  if (hours <= 168) return hours
  throw fail('invalid_value', { param: 'completion_window', reason: 'write it in hours, 1h to 168h; 24h is usual' })
}

/** Adds both vendors' routes. */
export function registerBatches(server: Server, parts: { readonly batches: Batches; readonly files: Files }): void {
  registerJobs(server, parts)
  const { batches } = parts
  server.post(
    '/v1/batches',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Answer a file of requests, at half price and below live traffic',
        body: CreateBatch,
        response: { 200: BatchObject },
      },
    },
    async ({ body, exchange }) => {
      const expires = body.output_expires_after
      const batch = await batches.create(exchange.caller, {
        dialect: 'openai',
        endpoint: body.endpoint,
        model: null,
        completion_window: body.completion_window,
        window: hoursOf(body.completion_window) * hour,
        output_expires_after: expires ? expires.seconds * 1000 : null,
        metadata: body.metadata ?? null,
        input: { files: [body.input_file_id], param: 'input_file_id' },
      })
      return batchObject(batch)
    },
  )
  server.get(
    '/v1/batches',
    {
      config: reading,
      schema: { tags, summary: 'List batches', querystring: BatchQuery, response: { 200: BatchList } },
    },
    async ({ query, exchange }) => {
      const paging = readPaging(query, { usual: 20, most: 100 })
      const { rows, total } = await batches.store.list(exchange.caller.workspace, {}, paging)
      return listObject(rows.map(batchObject), paging, total)
    },
  )
  server.get(
    '/v1/batches/:id',
    { config: reading, schema: { tags, summary: 'One batch', params, response: { 200: BatchObject } } },
    async (request) => batchObject(await batches.get(request.exchange.caller, request.params.id, 'batch_id')),
  )
  server.post(
    '/v1/batches/:id/cancel',
    { config: writing, schema: { tags, summary: 'Cancel a batch', params, response: { 200: BatchObject } } },
    async (request) => batchObject(await batches.cancel(request.exchange.caller, request.params.id, 'batch_id')),
  )
}
