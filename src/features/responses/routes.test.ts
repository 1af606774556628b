// `/v1/responses` as clients meet it: OpenAI's SDKs and their helpers over a real server, and the refusals by name.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import fc from 'fast-check'
import OpenAI6 from 'openai-6'
import OpenAI7 from 'openai-7'
import { assertAnswersOrRefuses } from '../../../test/support/any-body.ts'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { send } from '../../../test/support/http-client.ts'
import { assertKeepsSchema } from '../../../test/support/schemas.ts'
import { type RunningServer, startServer, testKey } from '../../../test/support/server.ts'
import type { Model } from '../../wire/model.ts'
import { ResponseObject, ResponseStreamEvent } from '../../wire/response-object.ts'

let server: RunningServer
/** A model whose events stop before their end, as no Model may. */
function cutOff(model: Model): Model {
  return {
    ...model,
    async *chat(call, signal) {
      for await (const event of model.chat(call, signal)) if (event.type !== 'end') yield event
    },
  }
}

before(async () => {
  server = await startServer([
    createEchoModel(),
    createEchoModel({ name: 'thinker', reasoning: 'let me think' }),
    createEchoModel({ name: 'broken', failAfter: 1 }),
    cutOff(createEchoModel({ name: 'cut' })),
  ])
})
after(() => server.stop())

const post = (path: string, body: object) => send(server, path, { body })

const weather = {
  type: 'function',
  name: 'weather',
  description: null,
  parameters: {
    type: 'object',
    properties: { text: { type: 'string' } },
    required: ['text'],
    additionalProperties: false,
  },
  strict: true,
} as const

interface Answer {
  status: string
  output: { type: string; status: string; [field: string]: unknown }[]
  [field: string]: unknown
}

async function create(body: object): Promise<Answer> {
  const response = await post('/v1/responses', { model: 'echo', ...body })
  assert.equal(response.status, 200, response.text)
  assertKeepsSchema(ResponseObject, response.json())
  return response.json()
}

/** The content of the first item. */
function parts(answer: Answer) {
  return (answer.output[0]?.['content'] ?? []) as { logprobs: { token: string; top_logprobs: unknown[] }[] }[]
}

/** Status, field at fault and message of a refusal. */
async function refusal(body: object, path = '/v1/responses') {
  const response = await post(path, { model: 'echo', input: 'hi', ...body })
  const { error } = response.json() as { error: { param: string; message: string; code: string } }
  return { status: response.status, param: error.param, code: error.code }
}

async function stream(body: object): Promise<{ messages: EventSourceMessage[]; events: Record<string, unknown>[] }> {
  const response = await post('/v1/responses', { model: 'echo', stream: true, ...body })
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  const messages: EventSourceMessage[] = []
  createParser({ onEvent: (message) => messages.push(message) }).feed(response.text)
  return { messages, events: messages.map(({ data }) => JSON.parse(data) as Record<string, unknown>) }
}

// The two packages have the same methods for what is used here; their types are nominally apart.
const clients = { 'openai 6': OpenAI6 as unknown as typeof OpenAI7, 'openai 7': OpenAI7 }

for (const [name, OpenAI] of Object.entries(clients)) {
  describe(name, () => {
    const client = () => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: testKey, maxRetries: 0 })

    test('create answers with text', async () => {
      const response = await client().responses.create({ model: 'echo', input: 'one two', metadata: { a: 'b' } })
      assert.equal(response.output_text, 'one two')
      assert.equal(response.status, 'completed')
      assert.deepEqual(response.metadata, { a: 'b' })
      assert.equal(response.usage?.output_tokens, 2)
    })

    test('the stream helper follows reasoning and text to the same response as create', async () => {
      const helper = client().responses.stream({ model: 'thinker', input: 'one two three' })
      let text = ''
      helper.on('response.output_text.delta', ({ delta }) => {
        text += delta
      })
      const final = await helper.finalResponse()
      assert.equal(text, 'one two three')
      assert.equal(final.output_text, text)
      assert.equal(final.status, 'completed')
      assert.deepEqual(
        final.output.map(({ type }) => type),
        ['reasoning', 'message'],
      )
      const whole = await client().responses.create({ model: 'thinker', input: 'one two three' })
      const ids = new Set([
        'id',
        'created_at',
        'completed_at',
        'parsed',
        'output_parsed',
        'parsed_arguments',
        '_request_id',
      ])
      const bare = (value: unknown): unknown =>
        JSON.parse(JSON.stringify(value, (key, field) => (ids.has(key) ? undefined : field)))
      assert.deepEqual(bare(final), bare(whole))
    })

    test('parse gives the object that the schema asks for', async () => {
      const format = {
        type: 'json_schema',
        name: 'said',
        schema: {
          type: 'object',
          properties: { text: { type: 'string' } },
          required: ['text'],
          additionalProperties: false,
        },
        strict: true,
      } as const
      const response = await client().responses.parse({ model: 'echo', input: 'hello', text: { format } })
      assert.deepEqual(JSON.parse(response.output_text), { text: 'hello' })
      assert.deepEqual(response.text?.format, format)
    })

    test('a function is called, its result fed back, and the answer follows', async () => {
      const helper = client().responses.stream({ model: 'echo', input: 'the weather please', tools: [weather] })
      const first = await helper.finalResponse()
      const [call] = first.output
      assert.ok(call?.type === 'function_call')
      assert.match(call.call_id, /^[a-zA-Z0-9]{9}$/)
      assert.deepEqual(JSON.parse(call.arguments), { text: 'the weather please' })
      // The helper adds what it parsed to the items; a client sends them back as they are.
      const { parsed_arguments: _, ...sent } = call as typeof call & { parsed_arguments?: unknown }
      const second = await client().responses.create({
        model: 'echo',
        tools: [weather],
        input: [
          { role: 'user', content: 'the weather please' },
          sent,
          { type: 'function_call_output', call_id: call.call_id, output: 'rain' },
        ],
      })
      assert.equal(second.output_text, 'rain')
    })

    test('a stream that fails raises, and a refused request raises with its field', async () => {
      const failing = client().responses.create({ model: 'broken', input: 'one two three', stream: true })
      await assert.rejects(
        async () => {
          for await (const event of await failing) assert.ok(event.type)
        },
        (error: Error) => error instanceof OpenAI.APIError && /engine process/.test(error.message),
      )
      const refused = client().responses.create({ model: 'echo', input: 'x', previous_response_id: 'resp_1' })
      await assert.rejects(refused, (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError)
        assert.equal(error.param, 'previous_response_id')
        assert.equal(error.code, 'unsupported_value')
        return true
      })
    })

    test('input tokens are counted', async () => {
      const { object, input_tokens } = await client().responses.inputTokens.count({
        model: 'echo',
        input: 'one two three',
      })
      assert.deepEqual({ object, input_tokens }, { object: 'response.input_tokens', input_tokens: 3 })
    })
  })
}

test('every event has its type on the event line and a sequence number one above the last', async () => {
  const { messages, events } = await stream({ model: 'thinker', input: 'one' })
  events.forEach((event, index) => {
    assertKeepsSchema(ResponseStreamEvent, event)
    assert.equal(event['type'], messages[index]?.event)
    assert.equal(event['sequence_number'], index)
  })
  assert.deepEqual(
    events.map(({ type }) => String(type).replace('response.', '')),
    [
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'reasoning_text.delta',
      'reasoning_text.delta',
      'reasoning_text.delta',
      'reasoning_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed',
    ],
  )
})

test('a call comes with its arguments whole', async () => {
  const { events } = await stream({ input: 'weather', tools: [weather], tool_choice: 'required' })
  const delta = events.find(({ type }) => type === 'response.function_call_arguments.delta')
  const done = events.find(({ type }) => type === 'response.function_call_arguments.done')
  assert.equal(delta?.['delta'], '{"text":"weather"}')
  assert.equal(done?.['arguments'], '{"text":"weather"}')
  assert.equal(done?.['name'], 'weather')
})

test('an answer that is cut is incomplete, streamed and not', async () => {
  const whole = await create({ input: 'one two three', max_output_tokens: 2 })
  assert.equal(whole.status, 'incomplete')
  assert.deepEqual(whole['incomplete_details'], { reason: 'max_output_tokens' })
  assert.equal(whole.output[0]?.status, 'incomplete')
  const { events } = await stream({ input: 'one two three', max_output_tokens: 2 })
  assert.equal(events.at(-1)?.['type'], 'response.incomplete')
})

test('a stream that fails after it began ends with its state and the error', async () => {
  const { events } = await stream({ model: 'broken', input: 'one two three' })
  const [failed, error] = events.slice(-2)
  assert.equal(failed?.['type'], 'response.failed')
  const response = failed?.['response'] as {
    status: string
    error: { code: string }
    output: { content: { text: string }[] }[]
  }
  assertKeepsSchema(ResponseObject, response)
  assert.equal(response.status, 'failed')
  assert.equal(response.error.code, 'server_error')
  assert.equal(response.output[0]?.content[0]?.text, 'one')
  assert.equal(error?.['type'], 'error')
  assert.equal(error?.['code'], 'engine_failed')
})

test('events that stop before their end never look like an answer', async () => {
  const whole = await post('/v1/responses', { model: 'cut', input: 'one two' })
  assert.equal(whole.status, 500)
  const { events } = await stream({ model: 'cut', input: 'one two' })
  const types = events.map(({ type }) => type)
  assert.deepEqual(types.slice(-2), ['response.failed', 'error'])
  assert.ok(!types.includes('response.completed'))
})

test('log-probabilities come when they are included', async () => {
  const body = await create({ input: 'one', include: ['message.output_text.logprobs'], top_logprobs: 2 })
  const [part] = parts(body)
  assert.equal(part?.logprobs[0]?.token, 'one')
  assert.equal(part?.logprobs[0]?.top_logprobs.length, 2)
  const without = await create({ input: 'one', top_logprobs: 0 })
  assert.deepEqual(parts(without)[0]?.logprobs, [])
})

test('allowed_tools leaves the others out and enforces its mode', async () => {
  const tools = ['first', 'second'].map((name) => ({ ...weather, name }))
  const tool_choice = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'second' }] }
  const body = await create({ input: 'first second', tools, tool_choice })
  assert.deepEqual(
    body.output.map(({ name }) => name),
    ['second'],
  )
  assert.deepEqual(body['tool_choice'], tool_choice)
})

test('what has no effect is named in the header', async () => {
  const response = await post('/v1/responses', {
    model: 'echo',
    input: [
      { role: 'user', content: 'x' },
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'of another vendor' },
    ],
    store: true,
    user: 'someone',
    max_tool_calls: 3,
    reasoning: { effort: 'low', summary: 'auto' },
    text: { verbosity: 'low' },
    include: ['reasoning.encrypted_content'],
  })
  assert.equal(response.status, 200)
  assert.deepEqual(response.headers.get('galerne-ignored-fields')?.split(', ').sort(), [
    'include[0]',
    'input[1]',
    'max_tool_calls',
    'reasoning.effort',
    'reasoning.summary',
    'store',
    'text.verbosity',
  ])
  assert.equal((response.json() as Answer)['store'], false)
})

test('what needs something stored, or would be cut, is refused by name on both endpoints', async () => {
  for (const path of ['/v1/responses', '/v1/responses/input_tokens']) {
    for (const [param, value] of Object.entries({ previous_response_id: 'r', conversation: 'c', truncation: 'auto' })) {
      assert.deepEqual(await refusal({ [param]: value }, path), { status: 400, param, code: 'unsupported_value' })
    }
  }
  for (const [param, value] of Object.entries({ background: true, prompt: { id: 'p' } })) {
    assert.deepEqual(await refusal({ [param]: value }), { status: 400, param, code: 'unsupported_value' })
  }
})

test('a fault in the input is told in the words of the input', async () => {
  const user = { role: 'user', content: 'hi' }
  const call = { type: 'function_call', call_id: 'a', name: 'f', arguments: '{}' }
  const cases: [item: object[], param: string][] = [
    [[user, { ...call, arguments: '[1]' }], 'input[1].arguments'],
    [[user, call, { ...call, call_id: 'b', arguments: 'x' }], 'input[2].arguments'],
    [[user, { type: 'function_call_output', call_id: 'z', output: 'x' }], 'input[1].call_id'],
    [[user, { type: 'item_reference', id: 'x' }], 'input[1].type'],
    [[{ role: 'user', content: [{ type: 'input_image', image_url: 'data:,' }] }], 'input[0].content[0]'],
    [[{ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }], 'input[0].content[0].file_id'],
    [[{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }], 'input[0].content[0]'],
    [[{ role: 'nobody', content: 'x' }], 'input[0].role'],
    [[], 'input'],
  ]
  for (const [input, param] of cases) {
    const { status, param: found } = await refusal({ input })
    assert.deepEqual({ status, param: found }, { status: 400, param }, JSON.stringify(input))
  }
  assert.equal((await refusal({ tools: [{ type: 'web_search' }] })).param, 'tools[0].type')
  assert.equal((await refusal({ tools: [{ type: 'function' }] })).param, 'tools[0].name')
  assert.equal((await refusal({ tool_choice: { type: 'function', name: 'f' } })).param, 'tool_choice')
})

test('any body gets a response or a 4xx', () => {
  const text = fc.constantFrom('', 'a', 'weather please')
  const content = fc.oneof(
    text,
    fc.array(fc.record({ type: fc.constantFrom('input_text', 'output_text', 'input_image', 'refusal'), text }), {
      maxLength: 2,
    }),
  )
  const call_id = fc.constantFrom('c1', 'c2')
  const item = fc.oneof(
    fc.record({ role: fc.constantFrom('user', 'assistant', 'system', 'developer'), content }),
    fc.record({ type: fc.constant('message'), role: fc.constant('user'), content }),
    fc.record({
      type: fc.constant('function_call'),
      call_id,
      name: fc.constant('weather'),
      arguments: fc.constantFrom('{}', '', '[', '[]'),
    }),
    fc.record({ type: fc.constant('function_call_output'), call_id, output: content }),
    fc.record({
      type: fc.constant('reasoning'),
      summary: fc.array(fc.record({ text })),
      content: fc.array(fc.record({ text })),
    }),
    fc.jsonValue({ maxDepth: 2 }),
  )
  return assertAnswersOrRefuses(server, '/v1/responses', {
    input: fc.oneof(text, fc.array(item, { maxLength: 4 })),
    instructions: text,
    tools: fc.constantFrom([], [weather], [weather, weather], [{ type: 'web_search' }]),
    tool_choice: fc.constantFrom(
      'auto',
      'none',
      'required',
      'any',
      { type: 'function', name: 'weather' },
      { type: 'mcp' },
    ),
    text: fc.record({ format: fc.record({ type: fc.constantFrom('text', 'json_object', 'json_schema') }) }),
    max_output_tokens: fc.integer({ min: 0, max: 4 }),
    temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    top_logprobs: fc.integer({ min: 0, max: 21 }),
    truncation: fc.constant('disabled'),
    stream: fc.boolean(),
  })
})
