// What the server knows of a request before a feature sees it, and the type of the server that features add routes to.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { TSchema } from 'typebox'
import type { Clock } from '../base/clock.ts'
import type { Failure } from '../base/errors.ts'
import { readEndUser, readKeepContent, readLabels } from './labels.ts'
import type { CallContext, CallLabels } from './model.ts'
import type { Grants, Permission } from './permissions.ts'

/** Who asks, as the key or the session says. What they may do: `may(caller, permission, workspace)` of `permissions.ts`. */
export interface Caller extends Grants {
  /** Id of the key or of the session, never its value. */
  readonly id: string
  readonly kind: 'key' | 'session'
  /** The workspace that this request works in: its limits, its money, its data. */
  readonly workspace: string
  /** Id of the person behind a session or a person's key. */
  readonly user?: string
  /** Id of the service account that a key was made for. */
  readonly serviceAccount?: string
  /** Names of the only models that the key may use; absent: all. */
  readonly models?: readonly string[]
  /** The only paths that the key may call; absent: all. */
  readonly endpoints?: readonly string[]
  /** The only addresses and networks (CIDR) that the key may be used from; absent: all. */
  readonly ipRanges?: readonly string[]
  /** When the key stops, milliseconds since 1970; absent: it does not. */
  readonly expiresAt?: number
  /** Id of the key whose limits, budgets and spend it counts under; absent: its own. */
  readonly payer?: string
}

/** One request and its answer, as far as the edge knows them. */
export interface Exchange {
  /** Set before any route that wants a key runs. */
  readonly caller: Caller
  /** Aborts when the client is gone or the server gives up waiting for answers to finish; `signal.reason` is a Failure. */
  readonly signal: AbortSignal
  /** `clock.elapsed()` when the request's head was read. */
  readonly receivedAt: number
  readonly clock: Clock
  /** Milliseconds without output after which a stream sends a comment; 0: never. */
  readonly keepAlive: number
}

/** A request of a known caller that was refused, as far as it was read. */
export interface RefusedRequest {
  readonly requestId: string
  /** The route's path, as it was added. */
  readonly route: string
  readonly workspace: string
  /** Id of the key or session. */
  readonly key: string
  /** Milliseconds since 1970, and how long it took. */
  readonly at: number
  readonly durationMs: number
  readonly code: string
  readonly status: number
  /** The field that is to blame. */
  readonly param?: string
  /** In words, where limits or the server are the cause. */
  readonly cause?: string
  readonly model?: string
  readonly endUser?: string
  readonly traceparent?: string
  readonly labels?: CallLabels
}

/** What is told of a request that was refused with this. */
export function refusedRequest(
  request: Pick<FastifyRequest, 'id' | 'headers' | 'exchange' | 'body' | 'routeOptions'>,
  { code, status, fields, ownCause }: Pick<Failure, 'code' | 'status' | 'fields' | 'ownCause'>,
): RefusedRequest {
  const { caller, clock, receivedAt } = request.exchange
  const durationMs = clock.elapsed() - receivedAt
  const labels = readLabels(request.headers, request.body)
  const endUser = readEndUser(request.body)
  const model = textIn(request.body, 'model')
  const { param } = fields
  const traceparent = request.headers['traceparent']
  return {
    requestId: request.id,
    route: request.routeOptions.url ?? '',
    workspace: caller.workspace,
    key: caller.id,
    at: Math.round(clock.now() - durationMs),
    durationMs,
    ...{ code, status },
    ...(typeof param === 'string' && { param }),
    ...(ownCause !== undefined && { cause: ownCause }),
    ...(model !== undefined && { model }),
    ...(endUser !== undefined && { endUser }),
    ...(typeof traceparent === 'string' && { traceparent }),
    ...(labels !== undefined && { labels }),
  }
}

function textIn(body: unknown, name: string): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const value: unknown = Reflect.get(body, name)
  return typeof value === 'string' && value !== '' && !value.includes('\0') ? value.slice(0, 200) : undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange
    /** Length of the body as it was read; 0 before. */
    bodyBytes: number
  }
  interface FastifyContextConfig {
    /** The route answers without a key. Only health, and later static files, sign-in and signed URLs. */
    open?: boolean
    /**
     * What the caller must be allowed to do: in the workspace that the path names as `:workspace`, else in the caller's own. A route
     * without `open` and without this is refused when it is added.
     */
    permission?: Permission
    /** Schema of one event of a streamed answer, for the reference. */
    streamed?: TSchema
    /** The route answers while the server is stopping. */
    whileStopping?: boolean
  }
}

/** The server that features add routes to: schemas of a route type its body, parameters and answer. */
export type Server = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** The facts about a call that come from the request's head. */
export function callContext(
  request: Pick<FastifyRequest, 'id' | 'headers' | 'exchange' | 'body'>,
  options: { cacheSalt?: string | null | undefined; prompt?: CallLabels['prompt'] | undefined } = {},
): CallContext {
  const { caller } = request.exchange
  const traceparent = request.headers['traceparent']
  const endUser = readEndUser(request.body)
  const labels = readLabels(request.headers, request.body)
  const keepContent = readKeepContent(request.headers)
  return {
    requestId: request.id,
    workspace: caller.workspace,
    key: caller.id,
    ...(caller.payer !== undefined && { payer: caller.payer }),
    ...(caller.user !== undefined && { user: caller.user }),
    ...(endUser !== undefined && { endUser }),
    class: 'interactive',
    // A salt makes a scope of its own: nobody without it can find out by timing what its prompts hold.
    cacheScope: options.cacheSalt ? `${caller.workspace}:${options.cacheSalt}` : caller.workspace,
    ...(typeof traceparent === 'string' && { traceparent }),
    ...(keepContent !== undefined && { keepContent }),
    ...((labels !== undefined || options.prompt !== undefined) && {
      labels: { ...labels, ...(options.prompt !== undefined && { prompt: options.prompt }) },
    }),
  }
}

/** Who asks, for the registry: what the key may use, and what a caller stays with a version of a model by. */
export function asker({ headers, body, exchange }: Pick<FastifyRequest, 'headers' | 'exchange' | 'body'>) {
  const { id, user, models } = exchange.caller
  const endUser = readEndUser(body)
  const session = readLabels(headers, body)?.session
  return {
    id,
    ...(models !== undefined && { models }),
    ...(user !== undefined && { user }),
    ...(endUser !== undefined && { endUser }),
    ...(session !== undefined && { session }),
  }
}

/** Mistral's SDKs name themselves; they read chunked content that OpenAI's helpers cannot. */
export function isMistralClient(headers: FastifyRequest['headers']): boolean {
  return /^mistral-client-/.test(headers['user-agent'] ?? '')
}
