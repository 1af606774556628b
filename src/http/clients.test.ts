// The vendors' own clients against the server: what their types and helpers read must be there. The model is the echo; real models come later.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Mistral as Mistral1 } from 'mistralai-1'
import { Mistral as Mistral2 } from 'mistralai-2'
import OpenAI4 from 'openai-4'
import OpenAI6 from 'openai-6'
import OpenAI7 from 'openai-7'
import { createEchoModel } from '../../test/support/echo-model.ts'
import { send } from '../../test/support/http-client.ts'
import { startServer, testKey } from '../../test/support/server.ts'

const server = await startServer([
  createEchoModel(),
  createEchoModel({ name: 'org/thinker', reasoning: 'let me think' }),
  createEchoModel({ name: 'breaker', failAfter: 2 }),
])
after(() => server.stop())

const messages = [{ role: 'user' as const, content: 'hello big world' }]
const asking = [{ role: 'user' as const, content: 'weather and clock' }]
const parameters = { type: 'object', properties: { text: { type: 'string' } } }
const tools = ['weather', 'clock'].map((name) => ({ type: 'function' as const, function: { name, parameters } }))

// The three versions' types differ where these tests do not look: they are driven through the newest one's.
const openais = [OpenAI4, OpenAI6, OpenAI7] as unknown as (typeof OpenAI7)[]
const mistrals = [Mistral1, Mistral2] as unknown as (typeof Mistral2)[]

/** Where the stream helper lives: version 4 keeps it under `beta`. */
function helpers(client: InstanceType<typeof OpenAI7>): InstanceType<typeof OpenAI7>['chat']['completions'] {
  const beta = client.beta as unknown as { chat?: InstanceType<typeof OpenAI7>['chat'] }
  return beta.chat?.completions ?? client.chat.completions
}

for (const [index, OpenAI] of openais.entries()) {
  const name = `openai ${[4, 6, 7][index]}`
  const client = new OpenAI({ apiKey: testKey, baseURL: `${server.url}/v1`, maxRetries: 0 })

  test(`${name}: whole and streamed answers, with the stream helper`, async () => {
    const whole = await client.chat.completions.create({ model: 'echo', messages })
    assert.equal(whole.choices[0]?.message.content, 'hello big world')
    assert.match(whole._request_id ?? '', /^[0-9a-f]{32}$/)
    let text = ''
    let tokens = 0
    const stream = await client.chat.completions.create({
      model: 'echo',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    })
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      tokens += chunk.usage?.total_tokens ?? 0
    }
    assert.deepEqual([text, tokens], ['hello big world', 6])
    const helper = helpers(client).stream({ model: 'echo', messages })
    const final = await helper.finalChatCompletion()
    assert.deepEqual([final.choices[0]?.message.content, final.choices[0]?.finish_reason], ['hello big world', 'stop'])
  })

  test(`${name}: parallel tool calls, whole, streamed and through the helper`, async () => {
    const whole = await client.chat.completions.create({ model: 'echo', messages: asking, tools })
    const calls = whole.choices[0]?.message.tool_calls ?? []
    assert.deepEqual(
      calls.map((call) => call.type === 'function' && call.function.name),
      ['weather', 'clock'],
    )
    const helper = helpers(client).stream({ model: 'echo', messages: asking, tools })
    const final = await helper.finalChatCompletion()
    const streamed = final.choices[0]?.message.tool_calls ?? []
    assert.deepEqual(
      streamed.map((call) => call.type === 'function' && [call.id, call.function.name, call.function.arguments]),
      calls.map((call) => call.type === 'function' && [call.id, call.function.name, call.function.arguments]),
    )
    assert.equal(final.choices[0]?.finish_reason, 'tool_calls')
  })

  test(`${name}: errors are typed, with message, code and request id; inside a stream too`, async () => {
    await assert.rejects(
      client.chat.completions.create({ model: 'nope', messages }),
      (error: InstanceType<typeof OpenAI.APIError>) => {
        assert.ok(error instanceof OpenAI.NotFoundError)
        assert.deepEqual([error.status, error.code, error.param], [404, 'model_not_found', 'model'])
        assert.match(error.message, /There is no model "nope"/)
        return true
      },
    )
    await assert.rejects(
      client.chat.completions.create({ model: 'echo', messages, temperature: 9 }),
      OpenAI.BadRequestError,
    )
    await assert.rejects(
      new OpenAI({ apiKey: 'x', baseURL: `${server.url}/v1` }).models.list(),
      OpenAI.AuthenticationError,
    )
    const stream = await client.chat.completions.create({ model: 'breaker', messages, stream: true })
    await assert.rejects(async () => {
      for await (const _ of stream);
    }, /engine process/)
  })

  test(`${name}: models, one of them with a slash in its name`, async () => {
    const names = []
    for await (const model of client.models.list()) names.push(model.id)
    assert.deepEqual(names, ['echo', 'org/thinker', 'breaker'])
    assert.equal((await client.models.retrieve('org/thinker')).id, 'org/thinker')
  })
}

for (const [index, Mistral] of mistrals.entries()) {
  const name = `mistralai ${index + 1}`
  for (const serverURL of [server.url, `${server.url}/v1`]) {
    test(`${name}: whole and streamed answers from ${serverURL.endsWith('/v1') ? 'an address with /v1' : 'the address'}`, async () => {
      const client = new Mistral({ apiKey: testKey, serverURL })
      const whole = await client.chat.complete({ model: 'echo', messages })
      assert.equal(whole.choices?.[0]?.message?.content, 'hello big world')
      assert.equal(whole.usage.totalTokens, 6)
      let text = ''
      let last: string | null | undefined
      for await (const { data } of await client.chat.stream({ model: 'echo', messages })) {
        text += data.choices[0]?.delta.content ?? ''
        last = data.choices[0]?.finishReason
      }
      assert.deepEqual([text, last], ['hello big world', 'stop'])
    })
  }
  const client = new Mistral({ apiKey: testKey, serverURL: server.url })

  test(`${name}: tool calls, whole and streamed, and thinking chunks`, async () => {
    const whole = await client.chat.complete({ model: 'echo', messages: asking, tools, toolChoice: 'any' })
    assert.deepEqual(
      whole.choices?.[0]?.message?.toolCalls?.map((call) => call.function.name),
      ['weather', 'clock'],
    )
    assert.equal(whole.choices?.[0]?.finishReason, 'tool_calls')
    const streamed: (string | undefined)[] = []
    for await (const { data } of await client.chat.stream({ model: 'echo', messages: asking, tools })) {
      for (const call of data.choices[0]?.delta.toolCalls ?? []) streamed.push(call.id)
    }
    assert.deepEqual(
      streamed,
      whole.choices?.[0]?.message?.toolCalls?.map((call) => call.id),
    )
    const thinking = await client.chat.complete({ model: 'org/thinker', messages })
    const content = thinking.choices?.[0]?.message?.content
    assert.deepEqual(Array.isArray(content) && content.map(({ type }) => type), ['thinking', 'text'])
  })

  test(`${name}: models, errors, and an error inside a stream`, async () => {
    const list = await client.models.list()
    assert.deepEqual(
      list.data?.map((model) => 'id' in model && model.id),
      ['echo', 'org/thinker', 'breaker'],
    )
    const one = await client.models.retrieve({ modelId: 'org/thinker' })
    assert.ok('id' in one && one.id === 'org/thinker' && one.capabilities.completionChat)
    await assert.rejects(
      client.chat.complete({ model: 'nope', messages }),
      (error: { statusCode: number; body: string }) => {
        assert.deepEqual([error.statusCode, JSON.parse(error.body).code], [404, '1500'])
        return true
      },
    )
    let last: string | null | undefined
    for await (const { data } of await client.chat.stream({ model: 'breaker', messages }))
      last = data.choices[0]?.finishReason
    assert.equal(last, 'error')
  })
}

test('no page of another origin is told anything where no setting names it', async () => {
  const headers = { origin: 'https://chat.example.org', 'access-control-request-method': 'POST' }
  const before = await send(server, '/v1/chat/completions', { method: 'OPTIONS', headers })
  assert.equal(before.status, 405)
  const after = await send(server, '/v1/models', { headers })
  for (const answer of [before, after]) assert.equal(answer.headers.get('access-control-allow-origin'), null)
})
