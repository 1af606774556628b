// What every version of Mistral's TypeScript client must be able to do against a running server. Typed by 2.x; 1.x is passed in as such.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Mistral } from 'mistralai-2'
import type { Connection } from './openai.ts'

/** A version of the package. */
export interface MistralVersion {
  readonly name: string
  create(options: { serverURL: string; apiKey: string }): Mistral
}

const question = [{ role: 'user' as const, content: 'Name the capital of France in one short sentence.' }]
const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'Current weather of a city',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    },
  },
}

/** Declares the suite as subtests of `t`. */
export async function runMistralSuite(t: TestContext, version: MistralVersion, connection: Connection): Promise<void> {
  const { model } = connection
  const client = version.create({ serverURL: connection.url, apiKey: connection.key })

  await t.test('chat', async () => {
    const answer = await client.chat.complete({
      model,
      messages: question,
      maxTokens: 24,
      temperature: 0,
      randomSeed: 3,
    })
    assert.match(String(answer.choices?.[0]?.message?.content), /Paris/)
    assert.equal(answer.usage.totalTokens, (answer.usage.promptTokens ?? 0) + (answer.usage.completionTokens ?? 0))
  })

  await t.test('a stream gives what the whole answer gives', async () => {
    const options = { model, messages: question, maxTokens: 16, temperature: 0 }
    const whole = await client.chat.complete(options)
    let text = ''
    let finish: string | null = null
    let tokens = 0
    for await (const { data } of await client.chat.stream(options)) {
      text += data.choices[0]?.delta.content ?? ''
      finish = data.choices[0]?.finishReason ?? finish
      tokens = data.usage?.completionTokens ?? tokens
    }
    assert.equal(text, whole.choices?.[0]?.message?.content)
    assert.match(finish ?? '', /stop|length/)
    assert.equal(tokens, whole.usage.completionTokens)
  })

  await t.test('prefix', async () => {
    const messages = [...question, { role: 'assistant' as const, content: 'The capital is', prefix: true }]
    const answer = await client.chat.complete({ model, messages, maxTokens: 12, temperature: 0 })
    assert.match(String(answer.choices?.[0]?.message?.content), /^The capital is/)
  })

  await t.test('tools, and their results fed back', async () => {
    const user = { role: 'user' as const, content: 'What is the weather in Paris?' }
    const common = { model, tools: [weather], maxTokens: 80, temperature: 0 }
    const first = await client.chat.complete({
      ...common,
      messages: [user],
      toolChoice: 'any',
      parallelToolCalls: false,
    })
    const message = first.choices?.[0]?.message
    const call = message?.toolCalls?.[0]
    assert.equal(first.choices?.[0]?.finishReason, 'tool_calls')
    assert.match(call?.id ?? '', /^[a-zA-Z0-9]{9}$/)
    assert.equal(call?.function.name, 'get_weather')
    const maxTokens = Math.ceil(0.6 * (first.usage.completionTokens ?? 0))
    const cut = await client.chat.complete({
      ...{ ...common, messages: [user], toolChoice: 'any', parallelToolCalls: false, maxTokens },
    })
    assert.equal(cut.choices?.[0]?.finishReason, 'length')
    assert.ok(!cut.choices[0].message?.content)
    assert.equal(cut.choices[0].message?.toolCalls?.[0]?.function.name, 'get_weather')
    const assistant = {
      role: 'assistant' as const,
      content: message?.content ?? '',
      toolCalls: message?.toolCalls ?? [],
    }
    const tool = { role: 'tool' as const, name: 'get_weather', toolCallId: call?.id ?? '', content: '21 degrees' }
    const second = await client.chat.complete({
      ...common,
      messages: [user, assistant, tool],
      toolChoice: 'none',
      maxTokens: 24,
    })
    assert.ok(second.choices?.[0]?.message?.content)
  })

  await t.test('a streamed tool call comes whole', async () => {
    const stream = await client.chat.stream({
      model,
      messages: [{ role: 'user', content: 'Weather in Rome?' }],
      tools: [weather],
      toolChoice: { type: 'function', function: { name: 'get_weather' } },
      maxTokens: 80,
      temperature: 0,
    })
    const names: string[] = []
    for await (const { data } of stream) {
      for (const call of data.choices[0]?.delta.toolCalls ?? []) names.push(call.function.name)
    }
    assert.equal(names[0], 'get_weather')
  })

  await t.test('json schema', async () => {
    const schemaDefinition = {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 20 } },
      required: ['city'],
      additionalProperties: false,
    }
    const answer = await client.chat.complete({
      model,
      messages: [{ role: 'user', content: 'Describe Paris as JSON.' }],
      responseFormat: { type: 'json_schema', jsonSchema: { name: 'city', schemaDefinition, strict: true } },
      maxTokens: 100,
      temperature: 0,
    })
    assert.deepEqual(Object.keys(JSON.parse(String(answer.choices?.[0]?.message?.content))), ['city'])
  })

  await t.test('embeddings', async () => {
    for (const name of [model, connection.embeddingModel]) {
      const { data } = await client.embeddings.create({ model: name, inputs: ['hello world', 'good day'] })
      assert.equal(data.length, 2)
      assert.ok(Math.abs((data[0]?.embedding ?? []).reduce((sum, value) => sum + value * value, 0) - 1) < 1e-3)
    }
  })

  await t.test('models', async () => {
    const list = await client.models.list()
    assert.ok((list.data ?? []).some((card) => 'id' in card && card.id === model))
    const card = await client.models.retrieve({ modelId: model })
    assert.ok('capabilities' in card && card.capabilities.completionChat)
  })

  await t.test('fill in the middle is refused with a reason where the vocabulary has no FIM tokens', async () => {
    const refused = client.fim.complete({ model, prompt: 'def f():', suffix: 'return 1', maxTokens: 4 })
    await assert.rejects(async () => refused, { statusCode: 400, message: /fill/i })
  })

  await t.test('errors are typed', async () => {
    const stranger = version.create({ serverURL: connection.url, apiKey: 'gal_wrong' })
    await assert.rejects(async () => stranger.models.list(), { statusCode: 401 })
    const unknown = client.chat.complete({ model: 'no-such-model', messages: question })
    await assert.rejects(async () => unknown, { statusCode: 404 })
    const long = client.chat.complete({ model, messages: [{ role: 'user', content: 'word '.repeat(60_000) }] })
    await assert.rejects(async () => long, { statusCode: 400 })
  })
}
