// Hands this server's own spans on to a collector by OTLP over HTTP (JSON), beside keeping them. Bounded: what a collector is too slow for is counted.
import { setTimeout as delay } from 'node:timers/promises'
import type { Egress } from '../../base/egress.ts'
import type { Log } from '../../base/log.ts'
import { writeOtlp } from '../../telemetry/otlp.ts'
import type { Span } from '../../telemetry/span.ts'

/** Where spans go, and how they are written. */
export interface ExportTarget {
  /** `https://collector.example/v1/traces`. */
  readonly url: string
  /** The value of a header `authorization`, where the collector wants one. */
  readonly authorization?: string
  /** `v1.41`: OpenTelemetry's GenAI names of that version. `latest`: those that took their place since. */
  readonly names: 'v1.41' | 'latest'
}

/** Spans on their way out. */
export interface SpanExporter {
  offer(spans: readonly Span[]): void
  /** Spans that the collector did not get. */
  dropped(): number
  /** Sends what waits, once. */
  close(): Promise<void>
}

const mostWaiting = 20_000
const batchSize = 1_000
const gatherMs = 1_000
const attempts = 4

/** Statuses after which OTLP lets a client try again. */
const passing = new Set([429, 502, 503, 504])

/** An exporter. The operator's own url decides where it sends, private networks included. */
export function spanExporter(
  target: ExportTarget,
  { egress, log }: { readonly egress: Egress; readonly log: Log },
): SpanExporter {
  const queue: Span[] = []
  let dropped = 0
  let open = true
  let working: Promise<void> | undefined

  const work = async () => {
    while (queue.length > 0) {
      if (open) await delay(gatherMs)
      const batch = queue.splice(0, batchSize)
      const sent = await send(batch).catch((error: unknown) => {
        log.warn({ err: error }, 'spans could not be exported')
        return false
      })
      if (!sent) dropped += batch.length
    }
  }
  const send = async (batch: readonly Span[]): Promise<boolean> => {
    const body = JSON.stringify(writeOtlp(target.names === 'latest' ? batch.map(renamed) : batch))
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const answer = await egress.request({
        url: target.url,
        purpose: 'traces',
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          ...(target.authorization !== undefined && { authorization: target.authorization }),
        },
        policy: { allowPrivate: true, timeoutMs: 30_000, maxRedirects: 0 },
      })
      await answer.discard()
      if (answer.status < 300) return true
      if (!passing.has(answer.status)) {
        log.warn({ status: answer.status, spans: batch.length }, 'the collector refused spans')
        return false
      }
      if (!open) return false
      await delay(500 * 2 ** attempt)
    }
    return false
  }
  return {
    offer(spans) {
      if (!open || queue.length + spans.length > mostWaiting) {
        dropped += spans.length
        return
      }
      queue.push(...spans)
      working ??= work().finally(() => {
        working = undefined
      })
    },
    dropped: () => dropped,
    async close() {
      open = false
      await working
    },
  }
}

/** Attributes that have another name since v1.41 (semantic-conventions-genai, August 2026). */
const newNames: Readonly<Record<string, string>> = {
  'gen_ai.usage.cache_creation.input_tokens': 'gen_ai.usage.cache_write.input_tokens',
}

function renamed(span: Span): Span {
  const attributes = Object.entries(span.attributes).map(([name, value]) => [newNames[name] ?? name, value])
  return { ...span, attributes: Object.fromEntries(attributes) }
}
