// OTLP over HTTP: an application's own spans, in protobuf or JSON, plain or gzip, at OpenTelemetry's path and at Mistral's.
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { fail } from '../../base/errors.ts'
import { readOtlp } from '../../telemetry/otlp.ts'
import type { Server } from '../../wire/exchange.ts'
import { readKeepContent } from '../../wire/labels.ts'
import { OtlpAnswer, OtlpBody } from '../../wire/otlp.ts'
import type { TraceBuffer } from './buffer.ts'
import { type RedactSpans, withoutSaid } from './redact.ts'

/** What the door needs. */
export interface IngestParts {
  readonly buffer: TraceBuffer
  /** Whether what is said is kept, where the request asked so or not; throws `invalid_value` where it may not ask. */
  keepsContent(workspace: string, asked: boolean | undefined): boolean
  /** Blacks out what is said; without it nothing is. */
  readonly redact?: RedactSpans
}

const protobuf = 'application/x-protobuf'
/** Loaded with the first such body. */
const codec = () => import('../../telemetry/otlp-protobuf.ts')
const unzip = promisify(gunzip)

/** A packed body may become this large, in bytes: a small one that unpacks to gigabytes is an attack. */
const largestUnpacked = 64 * 1_048_576

/** Adds `POST /v1/traces` and `POST /telemetry/v1/traces`. */
export async function registerIngest(server: Server, parts: IngestParts): Promise<void> {
  await server.register(async (scope) => {
    const inside = scope as unknown as Server
    inside.removeAllContentTypeParsers()
    inside.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer' },
      async (request: FastifyRequest, body: Buffer) => parseJson(await unpack(request, body)),
    )
    inside.addContentTypeParser(protobuf, { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) =>
      parseProtobuf(await unpack(request, body)),
    )
    for (const path of ['/v1/traces', '/telemetry/v1/traces']) addRoute(inside, path, parts)
  })
}

function addRoute(server: Server, path: string, { buffer, keepsContent, redact }: IngestParts): void {
  server.post(
    path,
    {
      config: { permission: 'traces.write' },
      schema: {
        tags: ['observability'],
        summary: 'Send spans (OTLP over HTTP)',
        description: `Takes JSON and ${protobuf}, also with \`content-encoding: gzip\`. Answers when the spans are written.`,
        body: OtlpBody,
        response: { 200: OtlpAnswer },
      },
    },
    async (request, reply) => {
      const { workspace, kind, id } = request.exchange.caller
      const { spans, rejected } = readOtlp(request.body)
      const keeps = keepsContent(workspace, readKeepContent(request.headers))
      const key = kind === 'key' ? id : null
      const kept = redact === undefined ? spans : ((await redact(workspace, spans)) ?? spans.map(withoutSaid))
      await buffer.take(kept.map((span) => ({ span, workspace, key, source: 'otlp' as const, keepsContent: keeps })))
      const partial = { rejectedSpans: rejected.length, errorMessage: rejected.slice(0, 10).join('; ') }
      if ((request.headers['content-type'] ?? '').startsWith(protobuf)) {
        const { writePartialSuccess } = await codec()
        void reply.type(protobuf)
        // The schema of the answer tells its JSON form.
        return (reply as FastifyReply).send(Buffer.from(rejected.length === 0 ? [] : writePartialSuccess(partial)))
      }
      return rejected.length === 0 ? {} : { partialSuccess: { ...partial, rejectedSpans: String(rejected.length) } }
    },
  )
}

async function unpack(request: FastifyRequest, body: Buffer): Promise<Buffer> {
  request.bodyBytes = body.length
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding === 'identity') return body
  if (encoding !== 'gzip') {
    throw fail('invalid_value', { param: 'content-encoding', reason: 'gzip and identity are read here' })
  }
  try {
    return await unzip(body, { maxOutputLength: largestUnpacked })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw fail('request_too_large', { limit: largestUnpacked }, error)
    }
    throw fail('invalid_value', { param: 'body', reason: 'it is not gzip, as content-encoding says' }, error)
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch (error) {
    throw fail('invalid_json', { reason: 'it breaks off or holds something that is not JSON' }, error)
  }
}

async function parseProtobuf(body: Buffer): Promise<unknown> {
  const { readOtlpProtobuf } = await codec()
  try {
    return readOtlpProtobuf(body)
  } catch (error) {
    const reason = `it is no ExportTraceServiceRequest in protobuf (${(error as Error).message.slice(0, 100)})`
    throw fail('invalid_value', { param: 'body', reason }, error)
  }
}
