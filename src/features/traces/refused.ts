// A request that was refused before any model was called, as a trace: its error, and what is known of who asked for what. Cheap and bounded.
import type { Clock } from '../../base/clock.ts'
import { readTraceParent, type Span } from '../../telemetry/span.ts'
import type { RefusedRequest } from '../../wire/exchange.ts'
import { factsOf, galerneSpan, labelAttributes, traceIdOf } from './record.ts'
import type { OwnedSpan } from './rows.ts'

/** What the routes that call models do, in OpenTelemetry's words; other routes leave no trace. */
const operations: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/fim/completions': 'text_completion',
  '/infill': 'text_completion',
  '/v1/embeddings': 'embeddings',
  '/v1/rerank': 'rerank',
  '/rerank': 'rerank',
}

/** Refusals of a second that are kept: a loop that is refused a thousand times a second is seen by fewer. */
const mostPerSecond = 100

/** Failed calls that are remembered until their request's answer is sent. */
const mostRemembered = 10_000

/** Tells the refusals that have no trace yet. */
export interface Refusals {
  /** A call that left a trace and failed: its request's refusal is the same failure. */
  remember(requestId: string): void
  /** The span of a refusal; undefined where there is one already, none is wanted, or there are too many. */
  spanOf(refused: RefusedRequest): OwnedSpan | undefined
  /** Refusals that were too many. */
  passedOver(): number
}

/** Remembers and bounds. */
export function createRefusals(clock: Clock): Refusals {
  const remembered = new Set<string>()
  let second = 0
  let kept = 0
  let passedOver = 0
  const hasRoom = () => {
    const now = Math.floor(clock.elapsed() / 1_000)
    if (now !== second) [second, kept] = [now, 0]
    kept += 1
    if (kept > mostPerSecond) passedOver += 1
    return kept <= mostPerSecond
  }
  return {
    remember(requestId) {
      remembered.add(requestId)
      const [oldest] = remembered
      if (oldest !== undefined && remembered.size > mostRemembered) remembered.delete(oldest)
    },
    spanOf(refused) {
      const operation = operations[refused.route]
      if (remembered.delete(refused.requestId) || operation === undefined || !hasRoom()) return undefined
      return {
        span: spanOf(refused, operation),
        ...{ workspace: refused.workspace, key: refused.key, source: 'galerne', keepsContent: false },
      }
    },
    passedOver: () => passedOver,
  }
}

function spanOf(refused: RefusedRequest, operation: string): Span {
  const parent = readTraceParent(refused.traceparent)
  const startedAt = refused.at * 1_000
  return {
    ...galerneSpan({
      traceId: parent?.traceId ?? traceIdOf(refused.requestId),
      parentSpanId: parent?.spanId ?? null,
      startedAt,
      endedAt: startedAt + Math.round(refused.durationMs * 1_000),
    }),
    name: refused.model === undefined ? operation : `${operation} ${refused.model}`,
    kind: 'server',
    state: 'error',
    stateMessage: refused.cause ?? refused.code,
    attributes: factsOf({
      'gen_ai.operation.name': operation,
      'gen_ai.provider.name': 'galerne',
      'gen_ai.request.model': refused.model,
      'error.type': refused.code,
      'http.response.status_code': refused.status,
      'url.path': refused.route,
      'user.id': refused.endUser,
      ...labelAttributes(refused.labels),
      'galerne.error.param': refused.param,
      'galerne.request.id': refused.requestId,
      'galerne.key.id': refused.key,
    }),
  }
}
