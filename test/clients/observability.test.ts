// Traces through the clients that people have: OpenTelemetry's own exporters and Mistral's SDK, against a server on a real database.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { context, propagation, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import { Mistral } from 'mistralai-2'
import { configureTelemetry, flushTelemetry } from 'mistralai-2/extra/observability'
import OpenAI from 'openai-7'
import { systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import { connect } from '../../src/database/connect.ts'
import { openReader } from '../../src/database/reader.ts'
import { openTraces } from '../../src/features/traces/open.ts'
import { createEchoModel } from '../support/echo-model.ts'
import { chat, send } from '../support/http-client.ts'
import { adminKey, type RunningServer, startServer, testKey } from '../support/server.ts'

describe('traces and the clients that send and read them', () => {
  const closing: (() => Promise<unknown>)[] = []
  let server: RunningServer
  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'galerne-traces-'))
    closing.push(() => rm(folder, { recursive: true, force: true }))
    const database = await connect(`sqlite:${join(folder, 'galerne.sqlite')}`)
    closing.push(() => database.close())
    const reader = openReader(database)
    closing.push(() => reader.close())
    const log = createLog({ level: 'silent' })
    const traces = openTraces({ database, reader, clock: systemClock, log, keepsContent: () => true })
    closing.push(() => traces.close())
    const models = [createEchoModel(), createEchoModel({ name: 'broken', failAfter: 1 })]
    server = await startServer(models, { parts: { traces }, trace: traces.record })
    closing.push(() => server.stop())
  })
  after(async () => {
    for (const close of closing.reverse()) await close()
  })
  const mistral = () => new Mistral({ serverURL: server.url, apiKey: testKey })

  test('a call is a trace: found by its id, with its phases, its labels and no word of what was said', async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: testKey })
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const answer = await client.chat.completions.create(
      {
        model: 'echo',
        messages: [{ role: 'user', content: 'hello big world' }],
        temperature: 0.5,
        metadata: { session_id: 's-1', team: 'blue' },
        user: 'ada',
      },
      { headers: { traceparent, 'galerne-tags': 'red, green' } },
    )
    await eventually(async () => {
      const trace = await mistral().beta.observability.traces.getTraceById({
        traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      })
      assert.equal(trace.rootSpanName, 'chat echo')
      assert.equal(trace.conversationId, 's-1')
      assert.equal(trace.userId, 'ada')
      assert.deepEqual(trace.modelsUsed, ['echo'])
      assert.equal(trace.llmCallCount, 1)
      assert.equal(trace.inputTokens, answer.usage?.prompt_tokens)
    })
    const { status, json } = await send(server, '/galerne/v1/traces/4bf92f3577b34da6a3ce929d0e0e4736')
    assert.equal(status, 200)
    const whole = json()
    assert.deepEqual(whole.trace.tags, ['red', 'green'])
    const [root] = whole.spans
    assert.equal(root.parent_span_id, '00f067aa0ba902b7')
    assert.equal(root.response_id, answer.id)
    assert.equal(root.request_temperature, 0.5)
    assert.equal(JSON.parse(root.span_attributes['galerne.metadata']).team, 'blue')
    assert.doesNotMatch(JSON.stringify(whole), /big world/)
  })

  test("feedback is kept by the answer's id and shown with its trace; unknown answers are refused", async () => {
    const { id } = (await chat(server)).json()
    const good = await send(server, '/galerne/v1/feedback', { body: { response_id: id, score: 1, comment: 'right' } })
    assert.equal(good.status, 200)
    assert.equal((await send(server, '/galerne/v1/feedback', { body: { response_id: id } })).status, 400)
    const unknown = await send(server, '/galerne/v1/feedback', { body: { response_id: 'nobody', score: 1 } })
    assert.equal(unknown.status, 404)
    const whole = (await send(server, `/galerne/v1/traces/${id}`)).json()
    assert.deepEqual(
      whole.feedback.map((one: { score: number; comment: string }) => [one.score, one.comment]),
      [[1, 'right']],
    )
  })

  test('a call that fails is a trace with its error', async () => {
    const failed = await chat(server, { model: 'broken' })
    assert.ok(failed.status >= 500)
    const id = failed.headers.get('x-request-id') ?? ''
    await eventually(async () => {
      const { trace } = (await send(server, `/galerne/v1/traces/${id}`)).json()
      assert.equal(trace.status_code, 'Error')
      assert.equal(trace.error_count, 1)
    })
  })

  test('a request that is refused before any model is called is a trace with its error, whoever refuses it', async () => {
    const headers = { 'galerne-session': 'refusals', 'galerne-tags': 'refused' }
    const cases: [status: number, code: string, body: unknown, name: string][] = [
      [400, 'invalid_value', { model: 'echo', messages: 5 }, 'chat echo'],
      [404, 'model_not_found', { model: 'nobody', messages: [{ role: 'user', content: 'x' }] }, 'chat nobody'],
      [400, 'invalid_json', '{', 'chat'],
    ]
    for (const [status, code, body, name] of cases) {
      const refused = await send(server, '/v1/chat/completions', { body, headers })
      assert.equal(refused.status, status)
      await eventually(async () => {
        const { trace, spans } = (
          await send(server, `/galerne/v1/traces/${refused.headers.get('x-request-id')}`)
        ).json()
        assert.deepEqual([trace.root_span_name, trace.status_code, spans.length], [name, 'Error', 1])
        assert.equal(spans[0].error_type, code)
        assert.equal(spans[0].span_attributes['http.response.status_code'], String(status))
        assert.deepEqual([trace.tags, trace.conversation_id], [['refused'], 'refusals'])
      })
    }
    const unknown = { authorization: 'Bearer nobody-00000000000000000000000000' }
    const stranger = await send(server, '/v1/chat/completions', { body: {}, headers: unknown })
    const failed = await chat(server, { model: 'broken' })
    await eventually(async () => {
      const { spans } = (await send(server, `/galerne/v1/traces/${failed.headers.get('x-request-id')}`)).json()
      assert.equal(spans.filter((span: { parent_span_id: string }) => span.parent_span_id === '').length, 1)
    })
    const ofStranger = await send(server, `/galerne/v1/traces/${stranger.headers.get('x-request-id')}`)
    assert.deepEqual([stranger.status, ofStranger.status], [401, 404])
  })

  test('how recording goes can be asked, and is among the metrics', async () => {
    const state = (await send(server, '/galerne/v1/traces/state')).json()
    assert.deepEqual([state.shed, state.last_shed_at, state.shed_refusals, state.export_lost], [0, null, 0, 0])
    assert.ok(state.room > state.waiting)
    const metrics = await send(server, '/metrics', { headers: { authorization: `Bearer ${adminKey}` } })
    assert.match(metrics.text, /^galerne_trace_spans_shed_total 0$/m)
    assert.match(metrics.text, /^galerne_trace_spans_waiting \d+$/m)
  })

  for (const [name, path, create] of [
    ['JSON', '/v1/traces', (options: object) => new JsonExporter({ ...options, timeoutMillis: 120_000 })],
    ['protobuf', '/v1/traces', (options: object) => new ProtobufExporter({ ...options, timeoutMillis: 120_000 })],
    [
      'JSON, packed',
      '/telemetry/v1/traces',
      (options: object) => new JsonExporter({ ...options, compression: 'gzip' as never, timeoutMillis: 120_000 }),
    ],
  ] as const) {
    test(`OpenTelemetry's exporter sends spans as ${name} to ${path}`, async () => {
      const exporter = create({ url: `${server.url}${path}`, headers: { authorization: `Bearer ${testKey}` } })
      const service = `app ${name}`
      const traceId = await sendTree(exporter, service)
      const page = await mistral().beta.observability.traces.search({
        tracesRequest: { searchExpression: `service_name = '${service}'` },
      })
      const [trace] = page.traces.results ?? []
      assert.equal(trace?.traceId, traceId)
      assert.equal(trace?.rootSpanName, 'work')
      assert.deepEqual([trace?.spanCount, trace?.toolCallCount, trace?.errorCount], [2, 1, 1])
      const { spans } = await mistral().beta.observability.traces.getTraceSpans({ traceId })
      const tool = spans.results?.find((span) => span.toolName === 'search')
      assert.equal(tool?.statusCode, 'Error')
      assert.equal(tool?.toolCallArguments, '{"q":"sea"}')
      assert.equal(tool?.spanAttributes['count'], '12')
      assert.equal(tool?.spanAttributes['ratio'], '0.5')
      assert.equal(tool?.spanAttributes['list'], '["a","b"]')
    })
  }

  test("Mistral's SDK sends its own spans to this server, and they make one tree with ours", async () => {
    // What an application's OpenTelemetry sets up: the context travels in `traceparent`.
    propagation.setGlobalPropagator(new W3CTraceContextPropagator())
    const client = mistral()
    assert.equal(await configureTelemetry(client), true)
    await client.chat.complete({ model: 'echo', messages: [{ role: 'user', content: 'hello' }] })
    await flushTelemetry(client)
    await eventually(async () => {
      const page = await client.beta.observability.traces.search({
        tracesRequest: { searchExpression: "service_name != 'galerne' AND llm_call_count > 0" },
      })
      const trace = page.traces.results?.[0]
      assert.ok(trace, 'the SDK has sent a span of a model call')
      const { spans } = await client.beta.observability.traces.getTraceSpans({ traceId: trace.traceId })
      const services = new Set((spans.results ?? []).map((span) => span.serviceName))
      assert.ok(services.has('galerne'), 'ours is part of it')
      assert.equal(trace.llmCallCount, 1, 'the call is counted once')
    })
  })

  test('fields, options and figures answer the SDK', async () => {
    const { traces, spans } = mistral().beta.observability
    const fields = await traces.getTraceFields()
    assert.ok(fields.fieldDefinitions.some((field) => field.name === 'models_used' && field.type === 'ARRAY'))
    const models = await traces.fetchOptions({ fieldName: 'model' })
    assert.ok(models.options?.includes('echo'))
    const figures = await spans.aggregate({
      aggregationRequest: {
        metric: { measure: 'usage_input_tokens', aggregation: 'sum' },
        dimensions: ['request_model'],
        searchExpression: "operation_name = 'chat'",
      },
    })
    assert.ok(figures.data.some((row) => row.dimensions?.['request_model'] === 'echo' && Number(row.metricValue) > 0))
  })

  test('hostile bodies are refused in words, and nothing of them is kept', async () => {
    const path = '/v1/traces'
    const raw = async (body: Uint8Array<ArrayBuffer> | string, headers: Record<string, string>) => {
      const answer = await fetch(server.url + path, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${testKey}`, ...headers },
      })
      return { status: answer.status, text: await answer.text() }
    }
    const json = { 'content-type': 'application/json' }
    const protobuf = { 'content-type': 'application/x-protobuf' }
    assert.equal((await raw('{"resourceSpans": 5}', json)).status, 400)
    assert.equal((await raw('{', json)).status, 400)
    assert.equal((await raw(new Uint8Array([0xff, 0xff, 0xff]), protobuf)).status, 400)
    assert.equal((await raw(new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0x7f]), protobuf)).status, 400)
    assert.equal((await raw('not gzip', { ...json, 'content-encoding': 'gzip' })).status, 400)
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(65 * 1_048_576, 0x20)))
    assert.equal((await raw(bomb, { ...json, 'content-encoding': 'gzip' })).status, 413)
    const deep = `${'{"arrayValue":{"values":['.repeat(500)}1${']}}'.repeat(500)}`
    const span = {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      name: 'x',
      startTimeUnixNano: '1',
      endTimeUnixNano: '0',
    }
    const bad = await raw(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }), json)
    assert.equal(bad.status, 200)
    assert.match(bad.text, /"rejectedSpans":"1".*startTimeUnixNano|endTimeUnixNano/)
    const nested = `{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":${deep}}]}}]}`
    assert.equal((await raw(nested, json)).status, 200)
  })
})

/** Sends a span with a failed tool call inside, and returns the id of their trace. */
async function sendTree(exporter: SpanExporter, service: string): Promise<string> {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  })
  const tracer = provider.getTracer('test')
  const root = tracer.startSpan('work')
  const tool = tracer.startSpan(
    'execute_tool search',
    {
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'search',
        'gen_ai.tool.call.arguments': '{"q":"sea"}',
        count: 12,
        ratio: 0.5,
        list: ['a', 'b'],
      },
    },
    trace.setSpan(context.active(), root),
  )
  tool.setStatus({ code: 2, message: 'no network' })
  tool.end()
  root.end()
  await provider.forceFlush()
  await provider.shutdown()
  return root.spanContext().traceId
}

/** Repeats an assertion until it holds: spans of this server are written a moment after the answer. */
async function eventually(check: () => Promise<void>): Promise<void> {
  const end = systemClock.elapsed() + 120_000
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (systemClock.elapsed() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
