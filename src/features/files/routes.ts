// The files' doors: both vendors' POST, GET and DELETE under /v1/files, and the signed address that opens one without a key.
import multipart from '@fastify/multipart'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Server } from '../../wire/exchange.ts'
import { idField } from '../../wire/fields.ts'
import { DeletedFile, FileForm, FileList, FileObject, FileQuery, fileObject, SignedUrl } from '../../wire/files.ts'
import { isTrue, listObject, readPaging } from '../../wire/paging.ts'
import { type Described, detailsOf, isJsonl, mimeTypeOf } from './details.ts'
import { disposition, readRange } from './download.ts'
import type { Files } from './files.ts'
import { type FormFields, linger, readForm } from './form.ts'
import { isSigned, signedPath } from './link.ts'
import { checkSpooled } from './spool.ts'
import type { FileRow } from './store.ts'
import { registerUploads } from './upload-routes.ts'
import type { Uploads } from './uploads.ts'

/** What the routes are made of. */
export interface FileRoutes {
  readonly files: Files
  readonly uploads: Uploads
  /** Bytes of the largest file taken in one request. */
  readonly limit: number
}

/** Adds the routes. Forms are read here and nowhere else on the server. */
export async function registerFiles(server: Server, parts: FileRoutes): Promise<void> {
  await server.register(async (scope) => {
    await scope.register(multipart, { throwFileSizeLimit: false })
    // Forms are checked as they are read; their schemas write the reference.
    registerUpload(scope as Server, parts)
    registerUploads(scope as Server, parts)
  })
  registerReading(server, parts)
  registerLinks(server, parts)
}

const tags = ['files']
const reading = { permission: 'files.read' } as const
const writing = { permission: 'files.write' } as const
// OpenAI pages by up to 10,000 and gives as many when nothing is said; Mistral gives 100.
const usualPage = 100
const longestPage = 10_000
/** The form around a file. */
const formOverhead = 65_536
const params = Type.Object({ id: idField })

function registerUpload(server: Server, { files, limit }: FileRoutes): void {
  server.post(
    '/v1/files',
    {
      config: writing,
      validatorCompiler: () => () => true,
      schema: {
        tags,
        summary: 'Upload a file',
        description:
          'Files for batch and fine-tune must be JSONL: a line that is no JSON object is named by its number.',
        consumes: ['multipart/form-data'],
        body: FileForm,
        response: { 200: FileObject },
      },
    },
    async (request) => {
      const { caller, clock } = request.exchange
      refuseLength(request, limit)
      // What cannot have room is refused before it is sent; what does not say how long it is, once it has come.
      const announced = Number(request.headers['content-length'] ?? 0) - formOverhead
      await files.checkRoom(caller.workspace, Math.max(0, announced)).catch((error: unknown) => {
        linger(request.raw)
        throw error
      })
      const { fields, taken } = await readForm(
        request,
        'file',
        async (file, before) => ({
          filename: file.filename,
          mimetype: mimeTypeOf(file.filename, file.mimetype),
          spooled: await files.spool(file.stream, {
            bytes: limit,
            setting: 'file-limit',
            // Where the purpose comes after the file, lines are checked when all has arrived.
            ...(isJsonl(before['purpose']) && { line: files.longestLine }),
          }),
        }),
        ({ spooled }) => spooled.discard(),
      )
      const { spooled, filename, mimetype } = taken
      try {
        const details = detailsOf(caller, { ...described(fields), filename, mimetype }, clock.now())
        const unchecked = isJsonl(details.purpose) && spooled.lines === null
        return fileObject(
          await files.keep(unchecked ? await checkSpooled(spooled, files.longestLine) : spooled, details),
        )
      } finally {
        await spooled.discard()
      }
    },
  )
}

/** What cannot fit is refused before it is sent. */
function refuseLength({ headers, raw }: FastifyRequest, limit: number): void {
  if (Number(headers['content-length'] ?? 0) <= limit + formOverhead) return
  linger(raw)
  throw fail('file_too_large', { limit, setting: 'file-limit', param: 'file' })
}

/** The fields of an upload's form as values. Throws a 400 that names the field. */
function described(fields: FormFields): Omit<Described, 'filename' | 'mimetype'> {
  const visibility = fields['visibility'] ?? 'workspace'
  if (visibility !== 'workspace' && visibility !== 'user') {
    throw fail('invalid_value', { param: 'visibility', reason: 'it must be "workspace" or "user"' })
  }
  return { purpose: fields['purpose'] ?? 'fine-tune', visibility, file_expires_after: lifetime(fields) }
}

const second = 1000
const hour = 3600 * second

/** Milliseconds until the file expires: Mistral's hours or OpenAI's seconds. */
function lifetime(fields: FormFields): number | null {
  const anchor = fields['expires_after[anchor]']
  if (anchor !== undefined && anchor !== 'created_at') {
    throw fail('invalid_value', { param: 'expires_after[anchor]', reason: 'it must be "created_at"' })
  }
  const seconds = numberField(fields, 'expires_after[seconds]', 3600, 2_592_000)
  const hours = numberField(fields, 'expiry', 1, 87_600)
  if (seconds !== undefined) return seconds * second
  return hours === undefined ? null : hours * hour
}

function numberField(fields: FormFields, name: string, least: number, most: number): number | undefined {
  const text = fields[name]
  // Some clients write a field that is not set as an empty one, or as the word of their language for nothing.
  if (text === undefined || text === '' || text === 'null' || text === 'None') return undefined
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw fail('invalid_value', { param: name, reason: `it must be a whole number between ${least} and ${most}` })
}

function registerReading(server: Server, { files }: FileRoutes): void {
  server.get(
    '/v1/files',
    { config: reading, schema: { tags, summary: 'List files', querystring: FileQuery, response: { 200: FileList } } },
    async ({ query, exchange }) => {
      const paging = readPaging(query, {
        usual: query.limit === undefined ? usualPage : longestPage,
        most: longestPage,
      })
      const { rows, total } = await files.store.list(exchange.caller, query, paging, exchange.clock.now())
      return listObject(rows.map(fileObject), paging, isTrue(query.include_total, true) ? total : undefined)
    },
  )
  server.get(
    '/v1/files/:id',
    { config: reading, schema: { tags, summary: 'One file', params, response: { 200: FileObject } } },
    async (request) => fileObject(await files.get(request.exchange.caller, request.params.id)),
  )
  server.delete(
    '/v1/files/:id',
    { config: writing, schema: { tags, summary: 'Delete a file', params, response: { 200: DeletedFile } } },
    async (request) => {
      const { id } = await files.get(request.exchange.caller, request.params.id)
      await files.remove([id])
      return { id, object: 'file' as const, deleted: true as const }
    },
  )
  server.get(
    '/v1/files/:id/content',
    { config: reading, schema: { tags, summary: 'What a file holds', params } },
    async (request, reply) => send(files, await files.get(request.exchange.caller, request.params.id), request, reply),
  )
}

function registerLinks(server: Server, { files }: FileRoutes): void {
  server.get(
    '/v1/files/:id/url',
    {
      config: reading,
      schema: {
        tags,
        summary: 'An address that opens a file without a key',
        params,
        querystring: Type.Object({
          expiry: Type.Optional(Type.String({ pattern: '^\\d{1,3}$', description: 'Hours, 1 to 168; 24 without it.' })),
        }),
        response: { 200: SignedUrl },
      },
    },
    async (request) => {
      const { caller, clock } = request.exchange
      const hours = Number(request.query.expiry ?? 24)
      if (hours < 1 || hours > 168)
        throw fail('invalid_value', { param: 'expiry', reason: 'it must be 1 to 168 hours' })
      const file = await files.get(caller, request.params.id)
      const path = signedPath(file, Math.floor(clock.now() / second) + hours * 3600)
      return { url: `${request.protocol}://${request.host}${path}` }
    },
  )
  server.get(
    '/galerne/v1/files/:id/content',
    {
      // The signature is the key.
      config: { open: true },
      schema: {
        tags,
        summary: 'What a file holds, by a signed address',
        params,
        querystring: Type.Object({
          expires: Type.String({ pattern: '^\\d{1,12}$' }),
          signature: Type.String({ maxLength: 100 }),
        }),
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { expires, signature } = request.query
      const now = request.exchange.clock.now()
      const file = Number(expires) * second > now ? await files.store.findSigned(id, now) : undefined
      // One answer for what is not there, what is over and what was not signed: an address tells nothing.
      if (file === undefined || !isSigned(file, Number(expires), signature)) {
        throw fail('not_found', { what: 'file', id: id.slice(0, 100), param: 'id' })
      }
      return send(files, file, request, reply)
    },
  )
}

/** Mistral's clients read nothing but this type; a browser that follows a signed address saves and never shows. */
async function send(
  files: Files,
  file: FileRow,
  { headers }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  reply.headers({
    'content-type': 'application/octet-stream',
    'content-disposition': disposition(file.filename),
    'accept-ranges': 'bytes',
  })
  const range = readRange(headers.range, file.bytes)
  if (range === 'beyond') {
    reply.header('content-range', `bytes */${file.bytes}`)
    throw fail('range_not_satisfiable', { bytes: file.bytes })
  }
  const length = range === 'whole' ? file.bytes : range.length
  reply.header('content-length', String(length))
  if (range === 'whole') return reply.send(length === 0 ? '' : await files.read(file.content))
  reply.code(206).header('content-range', `bytes ${range.start}-${range.start + length - 1}/${file.bytes}`)
  return reply.send(await files.read(file.content, range))
}
