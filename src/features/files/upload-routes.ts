// The door for files in parts: POST /v1/uploads, its parts, complete and cancel. OpenAI's shape.
import { type Static, Type } from 'typebox'
import type { Server } from '../../wire/exchange.ts'
import { idField } from '../../wire/fields.ts'
import { fileObject } from '../../wire/files.ts'
import { seconds } from '../../wire/times.ts'
import { CompleteUpload, CreateUpload, PartForm, PartObject, UploadObject } from '../../wire/uploads.ts'
import { readForm } from './form.ts'
import type { FileRow } from './store.ts'
import { statusOf, type UploadRow, type Uploads } from './uploads.ts'

const tags = ['files']
const config = { permission: 'files.write' } as const
const params = Type.Object({ id: idField })

/** Adds the routes to a server that reads forms. */
export function registerUploads(server: Server, { uploads }: { readonly uploads: Uploads }): void {
  server.post(
    '/v1/uploads',
    {
      config,
      schema: {
        tags,
        summary: 'Begin a file that comes in parts',
        body: CreateUpload,
        response: { 200: UploadObject },
      },
    },
    async ({ body, exchange }) => {
      const upload = await uploads.create(exchange.caller, {
        filename: body.filename.toWellFormed(),
        purpose: body.purpose,
        mimetype: body.mime_type,
        bytes: body.bytes,
        file_expires_after: body.expires_after ? body.expires_after.seconds * 1000 : null,
      })
      return uploadObject(upload, exchange.clock.now())
    },
  )
  server.post(
    '/v1/uploads/:id/parts',
    {
      config,
      validatorCompiler: () => () => true,
      schema: {
        tags,
        summary: 'Add a part',
        consumes: ['multipart/form-data'],
        params,
        body: PartForm,
        response: { 200: PartObject },
      },
    },
    async (request) => {
      const { caller } = request.exchange
      const { id } = request.params
      const { taken } = await readForm(request, 'data', ({ stream }) => uploads.addPart(caller, id, stream))
      return {
        id: taken.id,
        object: 'upload.part' as const,
        created_at: seconds(taken.created_at),
        upload_id: id,
      }
    },
  )
  server.post(
    '/v1/uploads/:id/complete',
    {
      config,
      schema: { tags, summary: 'Join the parts', params, body: CompleteUpload, response: { 200: UploadObject } },
    },
    async ({ params: { id }, body, exchange }) => {
      const [upload, file] = await uploads.complete(exchange.caller, id, body.part_ids, body.md5 ?? undefined)
      return uploadObject(upload, exchange.clock.now(), file)
    },
  )
  server.post(
    '/v1/uploads/:id/cancel',
    { config, schema: { tags, summary: 'Give a file up', params, response: { 200: UploadObject } } },
    async ({ params: { id }, exchange }) =>
      uploadObject(await uploads.cancel(exchange.caller, id), exchange.clock.now()),
  )
}

function uploadObject(upload: UploadRow, now: number, file?: FileRow): Static<typeof UploadObject> {
  return {
    id: upload.id,
    object: 'upload',
    bytes: upload.bytes,
    created_at: seconds(upload.created_at),
    expires_at: seconds(upload.expires_at),
    filename: upload.filename,
    purpose: upload.purpose,
    status: statusOf(upload, now),
    file: file === undefined ? null : fileObject(file),
  }
}
