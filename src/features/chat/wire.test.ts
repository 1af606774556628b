// The bytes of a chat answer, row by row what official clients choke on (their matrix: the answer must satisfy all of them at once).
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Ajv } from 'ajv'
import type { TSchema } from 'typebox'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { chat, chunksOf, dataLines } from '../../../test/support/http-client.ts'
import { startServer } from '../../../test/support/server.ts'
import { ChatChunk, ChatCompletion } from '../../wire/chat.ts'
import { ErrorBody } from '../../wire/failure.ts'

const server = await startServer([
  createEchoModel(),
  createEchoModel({ name: 'thinker', reasoning: 'let me think' }),
  createEchoModel({ name: 'breaker', failAfter: 2 }),
])
after(() => server.stop())

const ajv = new Ajv({ strict: false, allErrors: true })
function assertFits(schema: TSchema, value: unknown): void {
  const { $id: _, ...anonymous } = schema as TSchema & { $id?: string }
  const validate = ajv.compile({ ...anonymous, additionalProperties: false })
  assert.ok(validate(value), ajv.errorsText(validate.errors))
}

const weather = { type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }
const clock = { type: 'function', function: { name: 'clock' } }
const mistral = { 'user-agent': 'mistral-client-typescript/2.7.0' }

test('a whole answer has every field that Mistral’s clients demand, as JSON, with status 200', async () => {
  const answer = await chat(server)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  const body = answer.json()
  assertFits(ChatCompletion, body)
  assert.match(body.id, /^[0-9a-f]{32}$/)
  assert.deepEqual(body.choices, [
    {
      index: 0,
      message: { role: 'assistant', content: 'hello big world', refusal: null, tool_calls: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ])
  assert.deepEqual(body.usage, {
    prompt_tokens: 3,
    completion_tokens: 3,
    total_tokens: 6,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
    num_cached_tokens: 0,
  })
})

test('a stream: role first, finish_reason in every chunk, usage once on the last, [DONE], a blank line at the end', async () => {
  const answer = await chat(server, { stream: true })
  assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/)
  assert.ok(answer.text.endsWith('data: [DONE]\n\n'))
  const chunks = chunksOf(answer.text)
  for (const chunk of chunks) assertFits(ChatChunk, chunk)
  assert.deepEqual(chunks[0].choices[0].delta, { role: 'assistant', content: '' })
  assert.deepEqual(
    chunks.map((chunk) => chunk.choices[0].finish_reason),
    [null, null, null, null, 'stop'],
  )
  assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join(''), 'hello big world')
  // `usage: null` breaks Mistral's TypeScript client: absent until it is there.
  assert.deepEqual(
    chunks.map((chunk) => 'usage' in chunk),
    [false, false, false, false, true],
  )
  assert.equal(chunks.at(-1).usage.total_tokens, 6)
})

test('include_usage: null before, then a chunk without choices, as OpenAI documents', async () => {
  const chunks = chunksOf((await chat(server, { stream: true, stream_options: { include_usage: true } })).text)
  for (const chunk of chunks) assertFits(ChatChunk, chunk)
  assert.deepEqual(chunks.at(-1).choices, [])
  assert.equal(chunks.at(-1).usage.completion_tokens, 3)
  assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null && chunk.choices.length === 1))
})

test('tool calls come whole, in one delta each, with all five fields and rising indexes', async () => {
  const messages = [{ role: 'user', content: 'weather and clock' }]
  const body = { messages, tools: [weather, clock] }
  const chunks = chunksOf((await chat(server, { ...body, stream: true })).text)
  for (const chunk of chunks) assertFits(ChatChunk, chunk)
  const calls = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? [])
  assert.deepEqual(
    calls.map(({ index, type, function: f }) => [index, type, f.name, JSON.parse(f.arguments)]),
    [
      [0, 'function', 'weather', { text: 'weather and clock' }],
      [1, 'function', 'clock', { text: 'weather and clock' }],
    ],
  )
  for (const { id } of calls) assert.match(id, /^[a-zA-Z0-9]{9}$/)
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'tool_calls')

  const whole = (await chat(server, body)).json()
  assertFits(ChatCompletion, whole)
  assert.equal(whole.choices[0].message.content, null)
  assert.deepEqual(whole.choices[0].message.tool_calls, calls)
  assert.equal(whole.choices[0].finish_reason, 'tool_calls')
})

test('deprecated functions are answered as function_call', async () => {
  const body = { messages: [{ role: 'user', content: 'weather' }], functions: [{ name: 'weather' }] }
  const whole = (await chat(server, body)).json()
  assertFits(ChatCompletion, whole)
  assert.equal(whole.choices[0].message.function_call.name, 'weather')
  assert.deepEqual([whole.choices[0].message.tool_calls, whole.choices[0].finish_reason], [null, 'function_call'])
  const chunks = chunksOf((await chat(server, { ...body, stream: true })).text)
  assert.equal(
    chunks.find((chunk) => chunk.choices[0].delta.function_call)?.choices[0].delta.function_call.name,
    'weather',
  )
})

test('several answers: own indexes, one usage', async () => {
  const whole = (await chat(server, { n: 3 })).json()
  assert.deepEqual(
    whole.choices.map(({ index }: { index: number }) => index),
    [0, 1, 2],
  )
  const chunks = chunksOf((await chat(server, { n: 3, stream: true })).text)
  const text = [0, 1, 2].map((wanted) =>
    chunks
      .flatMap(({ choices }) => choices)
      .filter(({ index }) => index === wanted)
      .map(({ delta }) => delta.content ?? '')
      .join(''),
  )
  assert.deepEqual(text, Array(3).fill('hello big world'))
  assert.equal(chunks.filter((chunk) => 'usage' in chunk).length, 1)
  assert.equal(chunks.filter((chunk) => chunk.choices[0].finish_reason === 'stop').length, 3)
})

test('log-probabilities in OpenAI’s shape with token ids, whole and streamed alike', async () => {
  const body = { logprobs: true, top_logprobs: 2 }
  const whole = (await chat(server, body)).json()
  assertFits(ChatCompletion, whole)
  const { content } = whole.choices[0].logprobs
  assert.deepEqual(
    content.map(({ token }: { token: string }) => token),
    ['hello', ' big', ' world'],
  )
  assert.equal(content[0].top_logprobs.length, 2)
  const chunks = chunksOf((await chat(server, { ...body, stream: true })).text)
  assert.deepEqual(
    chunks.flatMap((chunk) => chunk.choices[0].logprobs?.content ?? []),
    content,
  )
})

test('reasoning: both field names beside a plain string; thinking chunks for Mistral’s clients', async () => {
  const plain = (await chat(server, { model: 'thinker' })).json()
  assertFits(ChatCompletion, plain)
  const { content, reasoning, reasoning_content } = plain.choices[0].message
  assert.deepEqual([content, reasoning, reasoning_content], ['hello big world', 'let me think', 'let me think'])
  assert.equal(plain.usage.completion_tokens_details.reasoning_tokens, 3)

  const chunked = (await chat(server, { model: 'thinker' }, mistral)).json()
  assertFits(ChatCompletion, chunked)
  assert.deepEqual(chunked.choices[0].message.content, [
    { type: 'thinking', thinking: [{ type: 'text', text: 'let me think' }], closed: true },
    { type: 'text', text: 'hello big world' },
  ])
  const streamed = chunksOf((await chat(server, { model: 'thinker', stream: true }, mistral)).text)
  for (const chunk of streamed) assertFits(ChatChunk, chunk)
  assert.deepEqual(streamed[1].choices[0].delta.content[0].thinking, [{ type: 'text', text: 'let' }])
  const forOpenai = chunksOf((await chat(server, { model: 'thinker', stream: true })).text)
  assert.ok(forOpenai.every(({ choices }) => typeof (choices[0].delta.content ?? '') === 'string'))
})

test('a full context is model_length in one piece and length in a stream', async () => {
  const small = await startServer([createEchoModel({ contextLength: 4 })])
  try {
    assert.equal((await chat(small)).json().choices[0].finish_reason, 'model_length')
    assert.equal(chunksOf((await chat(small, { stream: true })).text).at(-1).choices[0].finish_reason, 'length')
  } finally {
    await small.stop()
  }
})

test('a prompt that is too long is a 400 with both numbers, streamed or not', async () => {
  const small = await startServer([createEchoModel({ contextLength: 3 })])
  try {
    for (const stream of [false, true]) {
      const answer = await chat(small, { stream })
      assert.equal(answer.status, 400)
      assertFits(ErrorBody, answer.json())
      assert.equal(answer.json().error.code, 'context_length_exceeded')
      assert.match(answer.json().message, /3 tokens.*3 tokens/)
    }
  } finally {
    await small.stop()
  }
})

test('a failure inside a stream: an error for OpenAI’s clients, finish_reason for Mistral’s, then [DONE]', async () => {
  const answer = await chat(server, { model: 'breaker', stream: true })
  assert.equal(answer.status, 200)
  const chunks = chunksOf(answer.text)
  const last = chunks.at(-1)
  assertFits(ChatChunk, { ...last, system_fingerprint: '' })
  assert.deepEqual(last.choices, [{ index: 0, delta: { content: '' }, finish_reason: 'error', logprobs: null }])
  assert.equal(last.error.code, 'engine_failed')
  assert.equal(last.error.type, 'server_error')
  assert.equal(dataLines(answer.text).at(-1), '[DONE]')
})

test('the same failure before the first byte is a status, with a hint to retry', async () => {
  const answer = await chat(server, { model: 'breaker' })
  assert.equal(answer.status, 503)
  assertFits(ErrorBody, answer.json())
  assert.equal(answer.headers.get('x-should-retry'), 'true')
})

test('headers tell what was ignored, where it ran and how long it waited', async () => {
  const { headers } = await chat(server, { verbosity: 'low', user: 'u', 'strange, name\n': 1, stream: true })
  assert.equal(headers.get('galerne-ignored-fields'), 'verbosity, strange??name?')
  assert.equal(headers.get('galerne-ran-on'), 'echo@test')
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`field${index}`, 1]))
  assert.match(
    (await chat(server, many)).headers.get('galerne-ignored-fields') ?? '',
    /^field0, .*field31, and-68-more$/,
  )
  assert.match(headers.get('galerne-queue-wait-ms') ?? '', /^\d+$/)
  assert.match(headers.get('galerne-overhead-ms') ?? '', /^\d+\.\d$/)
})

test('stop, max_tokens, prefix and tool results reach the model', async () => {
  const message = async (body: object) => (await chat(server, body)).json().choices[0]
  assert.equal((await message({ stop: ' big' })).message.content, 'hello')
  assert.deepEqual([(await message({ max_tokens: 2 })).finish_reason], ['length'])
  const user = { role: 'user', content: 'world' }
  const continued = await message({ messages: [user, { role: 'assistant', content: 'big ', prefix: true }] })
  assert.equal(continued.message.content, 'big world')
  const call = { id: 'D681PevKs', type: 'function', function: { name: 'weather', arguments: '{}' } }
  const fedBack = await message({
    tools: [weather],
    messages: [
      user,
      { role: 'assistant', content: '', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'D681PevKs', content: 'sunny' },
    ],
  })
  assert.deepEqual([fedBack.message.content, fedBack.finish_reason], ['sunny', 'stop'])
})
