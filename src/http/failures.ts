// Everything that can go wrong at the edge as a failure with a code: the validator's errors, Fastify's own, unknown routes, broken HTTP.

import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Failure, fail } from '../base/errors.ts'
import { type RefusedRequest, refusedRequest } from '../wire/exchange.ts'
import { explain, type ValidatorError } from '../wire/explain.ts'
import { errorBody, errorHeaders, type FieldPlace, toFailure } from '../wire/failure.ts'
import type { SendConsole } from './console.ts'

/** Sets the server's handlers so that every error answer has the union body; a person's unknown address is the console's. */
export function handleFailures(
  server: FastifyInstance,
  options: {
    readonly bodyLimit: number
    readonly sendConsole: SendConsole
    /** Told of every request to use a model that was refused, once it is known who asks. */
    readonly onRefused?: (refused: RefusedRequest) => void
  },
): void {
  const { bodyLimit, sendConsole, onRefused } = options
  const routes: { pattern: RegExp; path: string; methods: string[] }[] = []
  server.addHook('onRoute', ({ url, method }) => {
    // A parameter is one step of a path: patterns of any text between steps take quadratic time on a path made for that.
    const literal = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    const pattern = new RegExp(`^${literal.replace(/:[^/]+/g, '[^/]+').replace('*', '.+')}$`)
    routes.push({ pattern, path: url, methods: [method].flat() })
  })
  server.setNotFoundHandler(async (request, reply) => {
    if (sendConsole(request, reply)) return reply
    const path = request.url.split('?', 1)[0] ?? ''
    const methods = routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods)
    if (methods.length > 0) {
      const allowed = [...new Set(methods)].join(', ')
      throw fail('method_not_allowed', { method: request.method, path: path.slice(0, 200), allowed })
    }
    throw fail('unsupported_endpoint', { method: request.method, path: path.slice(0, 200) })
  })
  server.setErrorHandler((error, request, reply) => {
    const failure = readError(error, request, bodyLimit)
    if (onRefused !== undefined && isTold(request, failure)) onRefused(refusedRequest(request, failure))
    return sendFailure(failure, request, reply)
  })
}

/** Whether a workspace wanted to use a model here, and was refused. */
function isTold({ exchange, routeOptions }: FastifyRequest, { code }: Failure): boolean {
  return exchange.caller.workspace !== '' && routeOptions.config.permission === 'models.use' && code !== 'client_closed'
}

/** Sends the union body. What nobody foresaw is logged with its cause. */
export function sendFailure(failure: Failure, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (failure.status >= 500) {
    const level = failure.code === 'internal_error' ? 'error' : 'warn'
    request.log[level]({ requestId: request.id, code: failure.code, err: failure.cause }, failure.message)
  }
  const body = errorBody(failure, placeOf(failure, request))
  return reply.code(failure.status).headers(errorHeaders(failure)).type('application/json').send(body)
}

/** Where the field at fault stands: in the address where it has it, or could have it, and the body has not. */
function placeOf({ param }: Failure, { body, params, routeOptions }: FastifyRequest): FieldPlace {
  const name = /^[^.[\]]+/.exec(param ?? '')?.[0]
  const holds = (fields: unknown) =>
    name !== undefined && typeof fields === 'object' && fields !== null && Object.hasOwn(fields, name)
  if (holds(body)) return 'body'
  if (holds(params)) return 'path'
  const { querystring } = (routeOptions?.schema ?? {}) as { readonly querystring?: { readonly properties?: unknown } }
  return holds(querystring?.properties) ? 'query' : 'body'
}

/** Any thrown value as a failure of our table. */
export function readError(error: unknown, request: FastifyRequest, bodyLimit: number): Failure {
  const known = error as Partial<FastifyError>
  if (Array.isArray(known.validation)) {
    const errors = known.validation as unknown as readonly ValidatorError[]
    return fail('invalid_value', { ...explain(errors, known.validationContext) })
  }
  switch (known.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return fail('request_too_large', { limit: bodyLimit })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return fail('unsupported_media_type', { contentType: (request.headers['content-type'] ?? '').slice(0, 100) })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return fail('invalid_json', { reason: 'its length is not what Content-Length says' })
    case 'FST_ERR_BAD_URL':
      return fail('invalid_value', { param: 'path', reason: 'it is not a valid URL' })
    default:
      return isRefusal(known)
        ? fail('invalid_value', { param: 'request', reason: `it is refused with ${known.code}` })
        : toFailure(error, request.id)
  }
}

/** Fastify's other refusals of a request (bad headers, a connection that ended): 4xx of its own. */
function isRefusal({ code, statusCode }: Partial<FastifyError>): boolean {
  return code?.startsWith('FST_') === true && statusCode !== undefined && statusCode >= 400 && statusCode < 500
}

/** Answers what is not HTTP at all, with the union body too. */
export function refuseBrokenHttp(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.destroyed) return void socket.destroy()
  const [status, reason] = brokenHttp[error.code ?? ''] ?? ['400 Bad Request', 'it is not valid HTTP']
  const failure = fail('invalid_value', { param: 'request', reason })
  const body = JSON.stringify({ ...errorBody(failure), raw_status_code: Number.parseInt(status, 10) })
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

const brokenHttp: Readonly<Record<string, readonly [status: string, reason: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'its headers are larger than 16 KiB'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'it did not arrive in time'],
}
