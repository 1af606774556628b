// Proof: an application sends 2,000 spans a second for a minute over OTLP/HTTP, none is lost, and the requests beside them are answered as before.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { emptyPostgres, withoutPostgres } from '../support/databases.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'

const perSecond = 2_000
const spansOfTrace = 5
const tracesOfRequest = 20
const spansOfRequest = spansOfTrace * tracesOfRequest

/** Milliseconds that the 95th percentile of a request may grow by while spans come in: client, server and engine share the cores. */
const allowanceMs = 60

/** Senders at once: a request is answered when its spans are written, and meanwhile others are sent. */
const senders = 24

const hex = (number: number, length: number) => number.toString(16).padStart(length, '0')
const text = (key: string, value: string) => ({ key, value: { stringValue: value } })
const whole = (key: string, value: number) => ({ key, value: { intValue: String(value) } })

/** One request's body: whole traces of an application, each a call of a model with a tool and a retrieval in it. */
function bodyOf(request: number, at: number): string {
  const spans = Array.from({ length: spansOfRequest }, (_, index) => {
    const number = request * spansOfRequest + index
    const trace = Math.floor(number / spansOfTrace)
    const place = number % spansOfTrace
    const kinds = ['invoke_agent', 'retrieval', 'chat', 'execute_tool', 'chat'] as const
    const operation = kinds[place] ?? 'chat'
    const began = BigInt(at) * 1_000_000n + BigInt(place * 1_000_000)
    return {
      traceId: hex(Math.imul(trace + 1, 0x9e3779b1) >>> 0, 8) + hex(trace + 1, 24),
      spanId: hex(number + 1, 16),
      ...(place > 0 && { parentSpanId: hex(number - place + 1, 16) }),
      name: `${operation} step`,
      kind: 1,
      startTimeUnixNano: String(began),
      endTimeUnixNano: String(began + 5_000_000n),
      status: { code: 1 },
      attributes: [
        text('gen_ai.operation.name', operation),
        text('gen_ai.request.model', 'some-model'),
        text('gen_ai.conversation.id', `session-${trace % 1000}`),
        text('user.id', `user-${trace % 500}`),
        whole('gen_ai.usage.input_tokens', 100 + place),
        whole('gen_ai.usage.output_tokens', 20),
        text('app.note', 'what an application says of its step, in a sentence or so'),
      ],
    }
  })
  const resource = { attributes: [text('service.name', 'ingested')] }
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'app' }, spans }] }] })
}

interface Server {
  readonly url: string
  readonly key: string
}

async function post({ url, key }: Server, path: string, body: string) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body })
  return { status: answer.status, text: await answer.text() }
}

/** Sends at an even pace; a request that is told to come back is sent again. Gives what was sent and how late the last answer came. */
async function ingest(server: Server, seconds: number): Promise<{ spans: number; seconds: number; again: number }> {
  const requests = (seconds * perSecond) / spansOfRequest
  const since = systemClock.elapsed()
  let next = 0
  let again = 0
  const send = async () => {
    for (let request = next++; request < requests; request = next++) {
      const due = since + (request * spansOfRequest * 1_000) / perSecond
      await delay(Math.max(0, due - systemClock.elapsed()))
      const body = bodyOf(request, systemClock.now())
      for (;;) {
        const answer = await post(server, '/v1/traces', body)
        if (answer.status === 200) {
          assert.equal(answer.text, '{}')
          break
        }
        assert.equal(answer.status, 503, answer.text)
        again += 1
        await delay(200)
      }
    }
  }
  await Promise.all(Array.from({ length: senders }, send))
  return { spans: requests * spansOfRequest, seconds: (systemClock.elapsed() - since) / 1_000, again }
}

/** Calls the model one after the other until told to stop; gives how long each took. */
async function probe(server: Server, until: Promise<unknown>): Promise<readonly number[]> {
  let over = false
  const mark = until.then(() => {
    over = true
  })
  const times: number[] = []
  while (!over) {
    const since = systemClock.elapsed()
    const answer = await post(
      server,
      '/v1/completions',
      JSON.stringify({ model: 'tiny', prompt: 'Some words to read', max_tokens: 1 }),
    )
    times.push(systemClock.elapsed() - since)
    assert.equal(answer.status, 200, answer.text)
    await delay(40)
  }
  await mark
  return times.sort((one, other) => one - other)
}

const quantile = (times: readonly number[], fraction: number) =>
  times[Math.min(times.length - 1, Math.floor(times.length * fraction))] ?? 0

interface Outcome {
  readonly name: string
  readonly spans: number
  readonly found: number
  readonly traces: number
  readonly seconds: number
  readonly again: number
  readonly before: readonly number[]
  readonly during: readonly number[]
}

async function counted(server: Server, table: 'spans' | 'traces'): Promise<number> {
  const body = { metric: { measure: '*', aggregation: 'count' }, search_expression: "service_name = 'ingested'" }
  const { status, text } = await post(server, `/v1/observability/${table}/aggregate`, JSON.stringify(body))
  assert.equal(status, 200, text)
  return (JSON.parse(text) as { data: { metric_value: number }[] }).data[0]?.metric_value ?? 0
}

async function measure(name: string, product: RunningProduct, seconds: number): Promise<Outcome> {
  await probe(product, delay(1_000))
  const before = await probe(product, delay(Math.min(15, seconds) * 1_000))
  const sending = ingest(product, seconds)
  const [sent, during] = await Promise.all([sending, probe(product, sending)])
  const [found, traces] = [await counted(product, 'spans'), await counted(product, 'traces')]
  return { name, ...sent, found, traces, before, during }
}

/** Runs the proof: a minute on each database, or two seconds when shortened. */
export async function run({ whole: isWhole }: { readonly whole: boolean }): Promise<string> {
  const seconds = isWhole ? 60 : 2
  const folder = await mkdtemp(join(tmpdir(), 'galerne-ingestion-'))
  const path = await tinyLlama({ folder, vocabulary: byteVocabulary([]), name: 'tiny', contextLength: 1024 })
  const postgres = withoutPostgres === false ? await emptyPostgres() : undefined
  const outcomes: Outcome[] = []
  try {
    for (const [name, flags] of [
      ['SQLite', []],
      ...(postgres === undefined ? [] : [['PostgreSQL', ['--database-url', postgres.url]] as const]),
    ] as const) {
      const product = await startProduct([
        '--model',
        `tiny=${path}`,
        '--streams',
        '2',
        '--context-length',
        '512',
        ...flags,
      ])
      try {
        outcomes.push(await measure(name, product, seconds))
      } finally {
        await product.stop()
      }
    }
  } finally {
    await postgres?.remove()
    await rm(folder, { recursive: true, force: true })
  }
  const table = findings(outcomes)
  for (const { spans, found, traces, seconds: took, before, during } of outcomes) {
    assert.deepEqual([found, traces], [spans, spans / spansOfTrace], table)
    if (!isWhole) continue
    // The last batch is answered when it is written: a second or so after it was due.
    assert.ok(took <= seconds + 3, `the pace was not kept:\n${table}`)
    assert.ok(quantile(during, 0.95) <= quantile(before, 0.95) + allowanceMs, `requests were slowed:\n${table}`)
  }
  return table
}

function findings(outcomes: readonly Outcome[]): string {
  const ms = (times: readonly number[], fraction: number) => quantile(times, fraction).toFixed(1)
  const lines = outcomes.map(({ name, spans, found, seconds, again, before, during }) =>
    [
      ...[
        name,
        spans.toLocaleString('en'),
        found.toLocaleString('en'),
        Math.round(spans / seconds).toLocaleString('en'),
        again,
      ],
      ...[0.5, 0.95, 0.99].flatMap((fraction) => [ms(before, fraction), ms(during, fraction)]),
    ].join(' | '),
  )
  return `An application sends ${perSecond.toLocaleString('en')} spans a second over OTLP/HTTP (JSON, ${spansOfRequest} spans a request, traces of ${spansOfTrace}), each request answered
when its spans are written; beside it a client calls the model, one token each, again and again. Client, server and engine share
${availableParallelism()} cores; load average ${loadavg()[0]?.toFixed(1)} at the end.

| database | spans sent | found | per second | told to come back | call p50 ms, before | during | p95, before | during | p99, before | during |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${lines.map((line) => `| ${line} |`).join('\n')}`
}
