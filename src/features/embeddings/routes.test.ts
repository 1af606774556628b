// `/v1/embeddings` as clients meet it: vectors that survive both encodings, every number type, and the refusals by name.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { Mistral } from 'mistralai-2'
import OpenAI4 from 'openai-4'
import OpenAI6 from 'openai-6'
import OpenAI7 from 'openai-7'
import { assertAnswersOrRefuses } from '../../../test/support/any-body.ts'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { send } from '../../../test/support/http-client.ts'
import { assertKeepsSchema } from '../../../test/support/schemas.ts'
import { type RunningServer, startServer, testKey } from '../../../test/support/server.ts'
import { EmbeddingResponse } from '../../wire/embeddings.ts'

const echo = createEchoModel()
let server: RunningServer
before(async () => {
  server = await startServer([echo, createEchoModel({ name: 'plain', capabilities: { embeddings: false } })])
})
after(() => server.stop())

const post = (path: string, body: object) => send(server, path, { body })

interface Answer {
  data: { index: number; embedding: number[] | string }[]
  usage: Record<string, number>
}

async function embed(body: object): Promise<Answer> {
  const response = await post('/v1/embeddings', { model: 'echo', ...body })
  assert.equal(response.status, 200, response.text)
  assertKeepsSchema(EmbeddingResponse, response.json())
  return response.json()
}

async function numbers(body: object): Promise<number[]> {
  const { embedding } = (await embed({ input: 'one two', ...body })).data[0] ?? {}
  assert.ok(Array.isArray(embedding))
  return embedding
}

async function refusal(body: object) {
  const response = await post('/v1/embeddings', { model: 'echo', input: 'x', ...body })
  const { error } = response.json() as { error: { param: string; code: string } }
  return { status: response.status, param: error.param, code: error.code }
}

/** What the model itself gives. */
async function vectorsOf(...inputs: string[]): Promise<number[][]> {
  const context = { requestId: '', workspace: '', key: '', class: 'interactive', cacheScope: '' } as const
  const { vectors } = await echo.embed({ inputs, context }, new AbortController().signal)
  return vectors.map((vector) => [...vector])
}

// Three packages with one method for what is used here; their types are nominally apart.
const clients = {
  'openai 4': OpenAI4 as unknown as typeof OpenAI7,
  'openai 6': OpenAI6 as unknown as typeof OpenAI7,
  'openai 7': OpenAI7,
}

for (const [name, OpenAI] of Object.entries(clients)) {
  test(`${name} gets the model's vectors, asked for as it does by itself and as floats`, async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: testKey, maxRetries: 0 })
    const expected = await vectorsOf('one two', 'three')
    for (const format of [{}, { encoding_format: 'float' }, { encoding_format: 'base64' }] as const) {
      const { data, usage } = await client.embeddings.create({ model: 'echo', input: ['one two', 'three'], ...format })
      const vectors = data.map(({ embedding }) =>
        typeof embedding === 'string'
          ? [...new Float32Array(new Uint8Array(Buffer.from(embedding, 'base64')).buffer)]
          : embedding,
      )
      assert.deepEqual(vectors, expected)
      assert.equal(usage.prompt_tokens, 3)
    }
  })
}

test("Mistral's client gets floats and packed bits", async () => {
  const client = new Mistral({ apiKey: testKey, serverURL: server.url })
  const [expected] = await vectorsOf('one two')
  const floats = await client.embeddings.create({ model: 'echo', inputs: 'one two' })
  assert.deepEqual(floats.data[0]?.embedding, expected)
  const bits = await client.embeddings.create({ model: 'echo', inputs: 'one two', outputDtype: 'ubinary' })
  const signs = (expected ?? []).map((value) => (value > 0 ? '1' : '0')).join('')
  assert.deepEqual(bits.data[0]?.embedding, [Number.parseInt(signs, 2)])
  const { promptTokens, totalTokens, completionTokens } = bits.usage
  assert.deepEqual(
    { promptTokens, totalTokens, completionTokens },
    { promptTokens: 2, totalTokens: 2, completionTokens: 0 },
  )
})

test('fewer dimensions are the first ones at length 1, in either name', async () => {
  const whole = await numbers({})
  const length = Math.hypot(...whole.slice(0, 3))
  for (const field of ['dimensions', 'output_dimension']) {
    const short = await numbers({ [field]: 3 })
    assert.equal(short.length, 3)
    assert.ok(Math.abs(Math.hypot(...short) - 1) < 1e-6)
    short.forEach((value, index) => {
      assert.ok(Math.abs(value - (whole[index] ?? 0) / length) < 1e-6)
    })
  }
  assert.deepEqual(await numbers({ dimensions: 8 }), whole)
  const tooMany = { status: 400, code: 'invalid_value' }
  assert.deepEqual(await refusal({ dimensions: 9 }), { ...tooMany, param: 'dimensions' })
  assert.deepEqual(await refusal({ output_dimension: 9 }), { ...tooMany, param: 'output_dimension' })
  assert.deepEqual(await refusal({ dimensions: 2, output_dimension: 3 }), { ...tooMany, param: 'output_dimension' })
})

test('number types are packed after shortening, and base64 holds their bytes', async () => {
  assert.equal((await numbers({ output_dtype: 'binary', dimensions: 3 })).length, 1)
  const signed = await numbers({ output_dtype: 'int8' })
  assert.ok(signed.every((value) => Number.isInteger(value) && Math.abs(value) <= 127))
  const { data } = await embed({ input: 'one two', output_dtype: 'int8', encoding_format: 'base64' })
  assert.deepEqual([...new Int8Array(Buffer.from(String(data[0]?.embedding), 'base64'))], signed)
})

test('token ids give the vector of their text', async () => {
  const signal = new AbortController().signal
  const ids = await echo.tokenize({ type: 'text', text: 'one two', addSpecial: false, parseSpecial: false }, signal)
  assert.deepEqual(await numbers({ input: ids }), await numbers({}))
  assert.deepEqual(await numbers({ input: [ids, [1]] }), await numbers({}))
})

test('a model without pooling says so; empty and foreign inputs are named', async () => {
  assert.deepEqual(await refusal({ model: 'plain' }), { status: 400, param: 'model', code: 'unsupported_value' })
  assert.equal((await refusal({ input: '' })).param, 'input')
  assert.equal((await refusal({ input: ['a', ''] })).param, 'input[1]')
  assert.equal((await refusal({ input: [] })).param, 'input')
  assert.equal((await refusal({ input: [[1], [2, 70_000]] })).param, 'input[1][1]')
  assert.equal((await refusal({ input: Array.from({ length: 2049 }, () => 'a') })).param, 'input')
  assert.equal((await refusal({ output_dtype: 'int4' })).param, 'output_dtype')
})

test('any body gets vectors or a 4xx', () => {
  const text = fc.constantFrom('', 'a', 'b c')
  const ids = fc.array(fc.integer({ min: 0, max: 70_000 }), { maxLength: 3 })
  return assertAnswersOrRefuses(server, '/v1/embeddings', {
    input: fc.oneof(text, fc.array(text, { maxLength: 3 }), ids, fc.array(ids, { maxLength: 3 })),
    dimensions: fc.integer({ min: 0, max: 9 }),
    output_dtype: fc.constantFrom('float', 'int8', 'uint8', 'binary', 'ubinary'),
    encoding_format: fc.constantFrom('float', 'base64'),
  })
})
