// What one call adds up to while its events pass: the usage row, the log line and the counters, all made when it closes.

import type { Clock } from '../../base/clock.ts'
import { Failure } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { CallContext, EmbeddingResult, ModelCard, ModelEvent, Sampling, Usage } from '../../wire/model.ts'
import { localProvider, type Prices } from '../prices/book.ts'
import { costOf } from '../prices/price.ts'
import type { Agreed, Charges } from './charges.ts'
import { type ContentNotes, noteContent } from './content.ts'
import { type CallCounts, countEnd } from './counts.ts'
import type { FinishedCall } from './finished-call.ts'
import type { UsageContent, UsageRow } from './row.ts'
import type { UsageWriter } from './writer.ts'

/** What a meter needs. Without `usage` a call is counted and logged and leaves no row; the product always has it. */
export interface MeterTools {
  readonly clock: Clock
  readonly log: Log
  readonly counts: CallCounts
  readonly usage?: Metering
  /** Told of every call that is over; must not throw or wait. */
  readonly trace?: (call: FinishedCall) => void
}

/** Where rows go and what they cost. */
export interface Metering {
  readonly writer: UsageWriter
  readonly prices: Prices
  /** What a call is charged by that somebody reserved for; without it the price that holds when it begins. */
  readonly agreed?: Charges['agreed']
  /** Whether what is said is kept, where the request asked so or not; throws `invalid_value` where it may not ask. */
  keepsContent(workspace: string, asked: boolean | undefined): boolean
  /** Takes content that its workspace wants blacked out first; false, and nothing taken, where it is kept as it is. */
  readonly takeContent?: (row: UsageRow, content: UsageContent) => boolean
}

/** What was asked of the model. */
export type Operation = UsageRow['operation']

/** What a call without events tells of itself. */
export type WholeAnswer = Pick<EmbeddingResult, 'promptTokens' | 'queueMs' | 'loadMs'>

/** One call's account. */
export interface Tally {
  note(event: ModelEvent): void
  /** A call without events is complete. */
  done(answer: WholeAnswer): void
  failed(error: unknown): void
  /** Hands in the row, writes the log line, counts. A second time does nothing. */
  close(): void
}

/** What is known so far. */
interface Facts {
  started?: Extract<ModelEvent, { type: 'started' }>
  end?: Extract<ModelEvent, { type: 'end' }>
  /** Of a call without events. */
  answer?: WholeAnswer
  /** Tokens that went out as text: what an answer that is cut off is charged by. */
  seenTokens: number
  firstTokenMs?: number
  readonly reasons: string[]
  status: string
  /** Of a failure, where it may be kept. */
  cause?: string
}

/** Opens it; takes the place for its row, so it throws `database_unavailable` where there is none. */
export function openTally(
  card: ModelCard,
  operation: Operation,
  call: { readonly context: CallContext; readonly sampling?: Sampling },
  tools: MeterTools,
): Tally {
  const { clock, counts, usage } = tools
  const { workspace, keepContent } = call.context
  const content = usage?.keepsContent(workspace, keepContent) === true ? noteContent(operation, call) : undefined
  const place = usage?.writer.admit()
  const since = clock.elapsed()
  const charged = chargedBy(card, call.context, tools)
  const labels = { model_name: card.name }
  const facts: Facts = { seenTokens: 0, reasons: [], status: 'abandoned' }
  let closed = false
  return {
    note(event) {
      noteEvent(facts, event, () => clock.elapsed() - since)
      content?.note(event)
      if (event.type === 'started') counts.queue.observe(labels, event.queueMs / 1000)
      if (event.type === 'end') countEnd(event, labels, counts)
    },
    done(answer) {
      Object.assign(facts, { answer, status: 'ok' })
      counts.promptTokens.add(labels, answer.promptTokens)
    },
    failed(error) {
      const code = error instanceof Failure ? error.code : 'internal_error'
      facts.status = code === 'client_closed' ? 'abandoned' : code
      const cause = error instanceof Failure ? error.ownCause : undefined
      if (cause !== undefined) facts.cause = cause
    },
    close() {
      if (closed) return
      closed = true
      const durationMs = clock.elapsed() - since
      const row = rowOf({ card, operation, context: call.context, facts, charged, durationMs }, tools)
      place?.record({ row, ...contentOf(row, content, usage) })
      tools.trace?.(finished(card, row, call, facts))
      count(row, facts, tools)
      tools.log.info(logLine(row, facts), 'model call')
    },
  }
}

function finished(
  card: ModelCard,
  row: UsageRow,
  { context, sampling }: { readonly context: CallContext; readonly sampling?: Sampling },
  { started, end, answer, cause }: Facts,
): FinishedCall {
  return {
    row,
    context,
    card,
    queueMs: started?.queueMs ?? answer?.queueMs ?? 0,
    loadMs: started?.loadMs ?? answer?.loadMs ?? 0,
    ...(cause !== undefined && { cause }),
    ...(sampling !== undefined && { sampling }),
    ...(started?.seed !== undefined && { seed: started.seed }),
    ...(end !== undefined && { timings: end.timings }),
  }
}

/** What is written with the row. What is to be blacked out first is not: it follows its row. */
function contentOf(row: UsageRow, notes: ContentNotes | undefined, usage: MeterTools['usage']) {
  const content = notes?.content()
  return content === undefined || usage?.takeContent?.(row, content) === true ? {} : { content }
}

function noteEvent(facts: Facts, event: ModelEvent, elapsed: () => number): void {
  if (event.type === 'started') facts.started = event
  else if (event.type === 'finish') facts.reasons.push(event.reason)
  else if (event.type === 'end') Object.assign(facts, { end: event, status: 'ok' })
  else if (event.type !== 'prompt-logprobs') {
    facts.firstTokenMs ??= elapsed()
    // A delta holds at least one token; with log-probabilities it says how many.
    facts.seenTokens += 'logprobs' in event ? Math.max(1, event.logprobs?.length ?? 1) : 1
  }
}

interface Closing {
  readonly card: ModelCard
  readonly operation: Operation
  readonly context: CallContext
  readonly facts: Facts
  readonly charged: Agreed
  readonly durationMs: number
}

/** Fixed when the call begins: a price that changes meanwhile is for the calls after it. */
function chargedBy({ name }: ModelCard, { callId }: CallContext, { clock, usage }: MeterTools): Agreed {
  const at = clock.now()
  const agreed = callId === undefined ? undefined : usage?.agreed?.(callId)
  return agreed ?? { at, price: usage?.prices.priceOf({ name }, at) ?? null }
}

function rowOf(
  { card, operation, context, facts, charged, durationMs }: Closing,
  { clock, usage }: MeterTools,
): UsageRow {
  const { started, end } = facts
  const counted: Usage = end?.usage ?? {
    promptTokens: facts.answer?.promptTokens ?? started?.promptTokens ?? 0,
    cachedTokens: started?.cachedTokens ?? 0,
    completionTokens: facts.seenTokens,
    reasoningTokens: 0,
  }
  const { at, price } = charged
  return {
    id: context.callId ?? newId('call', clock),
    requestId: context.requestId,
    at,
    workspace: context.workspace,
    key: context.key,
    member: context.user ?? null,
    endUser: context.endUser ?? null,
    operation,
    class: context.class,
    model: card.name,
    provider: localProvider,
    digest: card.digest,
    ranOn: started?.ranOn ?? null,
    ...counted,
    price,
    currency: usage?.prices.currency ?? 'USD',
    cost: price === null ? 0 : costOf(price, counted, context.class),
    queueMs: started === undefined ? null : Math.round(started.queueMs),
    firstTokenMs: facts.firstTokenMs === undefined ? null : Math.round(facts.firstTokenMs),
    durationMs: Math.round(durationMs),
    status: facts.status,
    finishReason: facts.reasons.length === 0 ? null : facts.reasons.join(','),
    estimated: facts.status !== 'ok' && started !== undefined,
  }
}

function count(row: UsageRow, { reasons }: Facts, { counts }: MeterTools): void {
  const labels = { model_name: row.model }
  counts.calls.add({ ...labels, operation: row.operation, outcome: row.status })
  for (const reason of reasons) counts.finished.add({ ...labels, finished_reason: reason })
  if (row.status === 'ok') counts.total.observe(labels, row.durationMs / 1000)
  if (row.firstTokenMs !== null) counts.firstToken.observe(labels, row.firstTokenMs / 1000)
}

/** Ids, tokens, times and money; never prompts, and never who the client's user is. */
function logLine(
  { member: _, endUser: __, price, finishReason: ___, status, ...row }: UsageRow,
  { end, reasons }: Facts,
) {
  const timings = Object.entries(end?.timings ?? {}).map(
    ([name, value]) => [name, Math.round(value * 10) / 10] as const,
  )
  return { ...row, outcome: status, price: price?.id ?? null, ...Object.fromEntries(timings), finish: reasons }
}
