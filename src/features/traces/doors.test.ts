// What comes into traces from outside and what never got in: spans of applications, blacked out by their workspace's rules, and refusals with
// their causes.
import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import { describeOnServers } from '../../../test/support/databases.ts'
import { mentionsOf } from '../../../test/support/everything.ts'
import { tinyLlama } from '../../../test/support/gguf-models.ts'
import { byteVocabulary } from '../../../test/support/gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from '../../../test/support/product.ts'
import { until } from '../../../test/support/until.ts'
import { connect } from '../../database/connect.ts'

describeOnServers('the doors of traces', (get) => {
  const folder = mkdtempSync(join(tmpdir(), 'galerne-doors-'))
  let product: RunningProduct
  let path = ''
  before(async () => {
    path = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
    const flags = ['--model', `tiny=${path}`, '--streams', '1', '--context-length', '512']
    product = await startProduct(flags, { GALERNE_DATABASE_URL: get().url })
  })
  after(async () => {
    await product?.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const send = async (method: string, route: string, body?: object) => {
    const answer = await fetch(`${product.url}${route}`, {
      method,
      headers: {
        authorization: `Bearer ${product.key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of the body by asserting on it
    const parsed = (text.startsWith('{') ? JSON.parse(text) : text) as any
    return { status: answer.status, id: answer.headers.get('x-request-id') ?? '', body: parsed }
  }
  const done = async (...call: Parameters<typeof send>) => {
    const answer = await send(...call)
    assert.equal(answer.status, 200, `${call[1]}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const ask = (more: object = {}) =>
    send('POST', '/v1/chat/completions', {
      ...{ model: 'tiny', max_tokens: 2, messages: [{ role: 'user', content: 'my own words' }] },
      ...more,
    })
  /** The spans of a trace, once they are written. */
  const spansOf = (trace: string) =>
    until(`trace ${trace} is written`, async () => {
      const { status, body } = await send('GET', `/galerne/v1/traces/${trace}`)
      return status === 200 && body.spans
    })

  for (const [name, exporterOf] of [
    ['JSON', (options: object): SpanExporter => new JsonExporter(options)],
    ['protobuf', (options: object): SpanExporter => new ProtobufExporter(options)],
  ] as const) {
    test(`spans that applications send as ${name} are blacked out by the workspace's rules before they are stored`, async () => {
      const redaction = { presets: ['email', 'key'], patterns: [{ name: 'ticket', pattern: 'T-[0-9]{4}' }] }
      await done('PUT', '/galerne/v1/workspaces/default/usage-settings', { keep_content: true, redaction })
      const secrets = [`ada.${name}@example.org`, `sk-abcdefghijklmnop${name}`, 'T-4711']
      const text = `say ${secrets.join(' and ')}`
      const exporter = exporterOf({
        url: `${product.url}/v1/traces`,
        headers: { authorization: `Bearer ${product.key}` },
        timeoutMillis: 120_000,
      })
      const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
      const span = provider.getTracer('test').startSpan('chat', {
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.request.model': 'theirs',
          'gen_ai.input.messages': JSON.stringify([{ role: 'user', parts: [{ type: 'text', content: text }] }]),
          'gen_ai.output.messages': text,
          'gen_ai.tool.call.arguments': JSON.stringify({ to: text }),
          'gen_ai.prompt.0.content': text,
          'input.value': text,
        },
      })
      span.addEvent('gen_ai.content.prompt', { 'gen_ai.prompt': text, 'gen_ai.event.content': text, any: text })
      span.recordException(new Error(text))
      span.setStatus({ code: 2, message: text })
      span.end()
      await provider.forceFlush()
      await provider.shutdown()
      const [kept] = await spansOf(span.spanContext().traceId)
      const blacked = 'say [redacted:email] and [redacted:key] and [redacted:ticket]'
      assert.equal(kept.status_message, blacked)
      assert.equal(JSON.parse(kept.input_messages)[0].parts[0].content, blacked)
      assert.equal(kept.request_model, 'theirs')
      const database = await connect(get().url)
      try {
        assert.deepEqual(await mentionsOf(database, secrets), [])
        assert.notDeepEqual(await mentionsOf(database, ['[redacted:ticket]']), [])
      } finally {
        await database.close()
      }
      await done('PUT', '/galerne/v1/workspaces/default/usage-settings', { keep_content: false, redaction: {} })
    })
  }

  test('whoever reaches a limit, a budget or a full line finds the refusal as a trace that says which', async () => {
    const limit = { scope: 'workspace', subject: 'default' }
    const refused = async (answer: Awaited<ReturnType<typeof ask>>, code: string, cause: RegExp) => {
      assert.deepEqual([answer.status, answer.body.error?.code], [429, code], JSON.stringify(answer.body))
      const spans = await spansOf(answer.id)
      const [span] = spans
      assert.equal(spans.length, 1)
      assert.deepEqual([span.status_code, span.error_type, span.request_model], ['Error', code, 'tiny'])
      assert.match(span.status_message, cause)
      assert.equal(span.status_message, answer.body.error.message)
    }
    await done('PUT', '/galerne/v1/limits', { ...limit, requests_per_minute: 0 })
    await refused(await ask(), 'rate_limit_exceeded', /^The limit of 0 requests per minute for this workspace/)
    await refused(await ask({ stream: true }), 'rate_limit_exceeded', /^The limit of 0 requests per minute/)
    await done('PUT', '/galerne/v1/limits', { ...limit, requests_per_minute: null, tokens_per_minute: 1 })
    await refused(await ask(), 'call_exceeds_limit', /more than the limit of 1 tokens per minute for this workspace/)
    await done('PUT', '/galerne/v1/limits', { ...limit, tokens_per_minute: null, line_length: 0 })
    // On a busy machine one may be answered before the next one comes.
    const turnedAway = await until('some find no place in the line', async () => {
      const crowd = await Promise.all(Array.from({ length: 8 }, () => ask({ max_tokens: 24, min_tokens: 24 })))
      return crowd.find(({ status }) => status === 429)
    })
    await refused(turnedAway, 'queue_full', /^The line for model "tiny" is full/)
    await done('PUT', '/galerne/v1/limits', { ...limit, line_length: null })
    await done('POST', '/galerne/v1/prices', { model: 'tiny', input: 1_000_000, output: 1, source: 'a test' })
    const budget = await done('POST', '/galerne/v1/budgets', { ...limit, amount: 0.000_001 })
    await refused(await ask(), 'insufficient_quota', /^The budget of 0.000001 USD for this workspace has no room/)
    await done('DELETE', `/galerne/v1/budgets/${budget.id}`)
  })

  test('a model that cannot be loaded leaves a trace that says why, and no refusal keeps what was asked', async () => {
    await done('POST', '/galerne/v1/models/unload', { model: 'tiny' })
    renameSync(path, `${path}.away`)
    const failed = await ask()
    renameSync(`${path}.away`, path)
    assert.equal(failed.status, 503, JSON.stringify(failed.body))
    const [span] = await spansOf(failed.id)
    assert.deepEqual([span.status_code, span.error_type], ['Error', failed.body.error.code])
    assert.equal(span.status_message, failed.body.error.message)
    const database = await connect(get().url)
    try {
      assert.deepEqual(await mentionsOf(database, ['my own words']), [])
    } finally {
      await database.close()
    }
  })
})
