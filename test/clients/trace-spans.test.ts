// What a trace tells of a call of the real engine, from end to end: where the time went and what the answer depends on.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import OpenAI from 'openai-7'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { until } from '../support/until.ts'

let folder = ''
let product: RunningProduct

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-spans-'))
  const path = await tinyLlama({ folder, vocabulary: byteVocabulary([]), name: 'tiny', contextLength: 1024 })
  product = await startProduct(['--model', `tiny=${path}`, '--streams', '4', '--context-length', '512'])
})
after(async () => {
  await product?.stop()
  await rm(folder, { recursive: true, force: true })
})

const client = () => new OpenAI({ baseURL: `${product.url}/v1`, apiKey: product.key, maxRetries: 0 })

async function call(path: string, body?: object) {
  const answer = await fetch(`${product.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${product.key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of the body by asserting on it
  return { status: answer.status, body: (await answer.json()) as any }
}

// biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of the body by asserting on it
type SpansByName = { readonly own: any; readonly prefill: any; readonly decode: any; readonly load?: any }

/** The spans of a request by name, its own under `own`. */
function spansOf(requestId: string): Promise<SpansByName> {
  return until('the call has its trace', async () => {
    const { status, body } = await call(`/galerne/v1/traces/${requestId}`)
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const named = (body.spans ?? []).map((span: any) => [span.parent_span_id === '' ? 'own' : span.span_name, span])
    return status === 200 && (Object.fromEntries(named) as unknown as SpansByName)
  })
}

const complete = (extra: object = {}) =>
  client().completions.create({
    model: 'tiny',
    prompt: 'The same beginning of every prompt. ',
    max_tokens: 8,
    ...extra,
  })

test('a call tells its seed, engine, weights, batch, prefix, tokens and cost, and can be repeated by them', async () => {
  await call('/galerne/v1/prices', { model: 'tiny', input: 1, output: 2, source: 'test' })
  const first = await complete({ temperature: 1.5 })
  const { own: span, prefill, decode } = await spansOf(first._request_id ?? '')
  const attributes = span.span_attributes
  assert.equal(attributes['galerne.seed.chosen'], 'true')
  assert.ok(span.request_seed > 0)
  assert.match(attributes['galerne.engine.build'], /^llama\.cpp-/)
  assert.match(attributes['galerne.weights.quantisation'], /^(F16|F32|BF16|Q\w+)$/)
  assert.equal(attributes['galerne.prefix.hit'], 'false')
  assert.ok(Number(attributes['galerne.batch_size']) >= 1)
  assert.equal(span.usage_input_tokens, first.usage?.prompt_tokens)
  assert.equal(span.cost, (first.usage?.prompt_tokens ?? 0) * 1_000 + (first.usage?.completion_tokens ?? 0) * 2_000)
  assert.equal(Number(attributes['galerne.cost']) * 1e9, span.cost)
  assert.ok(Number(attributes['gen_ai.response.time_to_first_chunk']) > 0)
  assert.ok(prefill.duration_ns > 0 && decode.duration_ns > 0)
  assert.equal(decode.span_attributes['gen_ai.usage.output_tokens'], String(first.usage?.completion_tokens))

  const again = await complete({ temperature: 1.5, seed: span.request_seed })
  assert.equal(again.choices[0]?.text, first.choices[0]?.text)
  const repeated = (await spansOf(again._request_id ?? '')).own
  assert.equal(repeated.span_attributes['galerne.seed.chosen'], undefined)
  assert.equal(repeated.request_seed, span.request_seed)
  assert.equal(repeated.span_attributes['galerne.prefix.hit'], 'true')
  assert.ok(repeated.usage_cache_read_input_tokens > 0)
})

test('calls that are decoded together say how many they were', async () => {
  // Calls that are sent at once need not meet on a busy machine.
  await until('some are decoded together and say so', async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => complete({ max_tokens: 64, min_tokens: 64 })))
    const sizes = await Promise.all(
      answers.map(async ({ _request_id }) =>
        Number((await spansOf(_request_id ?? '')).own.span_attributes['galerne.batch_size']),
      ),
    )
    return Math.max(...sizes) > 1
  })
})

test('a call that waits for its model to be loaded has that as a span of its own', async () => {
  const unloaded = await call('/galerne/v1/models/unload', { model: 'tiny' })
  assert.equal(unloaded.status, 200, JSON.stringify(unloaded.body))
  const answer = await complete()
  const { own: span, load } = await spansOf(answer._request_id ?? '')
  assert.ok(load.duration_ns > 1e6, 'loading takes more than a millisecond')
  assert.ok(Number(span.span_attributes['galerne.load_ms']) > 0)
  const warm = await spansOf((await complete())._request_id ?? '')
  assert.equal(warm.load, undefined)
})
