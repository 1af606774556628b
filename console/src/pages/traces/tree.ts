// Spans as rows of a waterfall: each under its parent, with where it lies on the time of the whole. Pure.
import type { SpanShape } from '../../../../src/wire/observability.ts'

/** A row. */
export interface WaterfallRow {
  readonly span: SpanShape
  readonly depth: number
  /** Fractions of the whole trace, 0 to 1. */
  readonly from: number
  readonly length: number
  /** Milliseconds from the beginning of the trace to its end. */
  readonly end: number
}

/** The rows in the order of the tree; spans whose parent is not there are roots. */
export function waterfall(spans: readonly SpanShape[]): readonly WaterfallRow[] {
  const begin = Math.min(...spans.map(startOf))
  const end = Math.max(...spans.map((span) => startOf(span) + span.duration_ns / 1e6))
  const whole = Math.max(end - begin, 0.001)
  const ids = new Set(spans.map((span) => span.span_id))
  const rows: WaterfallRow[] = []
  const seen = new Set<string>()
  const add = (span: SpanShape, depth: number) => {
    // Spans of a stranger may name each other as parents.
    if (seen.has(span.span_id)) return
    seen.add(span.span_id)
    const length = Math.max(span.duration_ns / 1e6 / whole, 0.002)
    const started = startOf(span) - begin
    const from = Math.min(started / whole, 1 - length)
    rows.push({ span, depth, from, length, end: started + span.duration_ns / 1e6 })
    for (const child of spans) if (child.parent_span_id === span.span_id) add(child, depth + 1)
  }
  for (const span of spans) if (!ids.has(span.parent_span_id)) add(span, 0)
  for (const span of spans) add(span, 0)
  return rows
}

/** Milliseconds since 1970, with the microseconds that the date holds. */
function startOf({ start_time: date }: SpanShape): number {
  return Date.parse(date) + Number(date.slice(23, 26)) / 1_000
}
