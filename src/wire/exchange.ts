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
import type { CallContext } from './model.ts'

/** Who asks, as the key says. */
export interface Caller {
  /** Id of the key, never its value. */
  readonly id: string
  readonly workspace: string
  readonly scope: 'admin' | 'use'
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

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange
    /** Length of the body as it was read; 0 before. */
    bodyBytes: number
  }
  interface FastifyContextConfig {
    /** The route answers without a key. Only health, and later static files, sign-in and signed URLs. */
    open?: boolean
    /** The scope that the key must have; `use` when absent. An admin key may do everything. */
    scope?: Caller['scope']
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
  request: Pick<FastifyRequest, 'id' | 'headers' | 'exchange'>,
  options: { cacheSalt?: string | null | undefined } = {},
): CallContext {
  const { caller } = request.exchange
  const traceparent = request.headers['traceparent']
  return {
    requestId: request.id,
    workspace: caller.workspace,
    key: caller.id,
    class: 'interactive',
    // A salt makes a scope of its own: nobody without it can find out by timing what its prompts hold.
    cacheScope: options.cacheSalt ? `${caller.workspace}:${options.cacheSalt}` : caller.workspace,
    ...(typeof traceparent === 'string' && { traceparent }),
  }
}

/** Mistral's SDKs name themselves; they read chunked content that OpenAI's helpers cannot. */
export function isMistralClient(headers: FastifyRequest['headers']): boolean {
  return /^mistral-client-/.test(headers['user-agent'] ?? '')
}
