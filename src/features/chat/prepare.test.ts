import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import type { ChatRequest } from '../../wire/chat.ts'
import { prepareChat } from './prepare.ts'

const { card } = createEchoModel({ name: 'm' })
const user = { role: 'user', content: 'hello' } as const
const prepare = (body: Partial<ChatRequest>) => prepareChat({ model: 'm', messages: [user], ...body }, card)
const refused = (body: Partial<ChatRequest>, code: string, param: string, reason: RegExp = /./) =>
  assert.throws(
    () => prepare(body),
    (error: { code: string; param: string; message: string }) => {
      assert.deepEqual([error.code, error.param], [code, param])
      assert.match(error.message, reason)
      return true
    },
  )

test('the same thing said in either vocabulary is the same call', () => {
  const tools = [{ type: 'function', function: { name: 'f' } }]
  const openai = prepare({ seed: 7, max_completion_tokens: 5, stop: 'x', tools, tool_choice: 'required' })
  const mistral = prepare({ random_seed: 7, max_tokens: 5, stop: ['x'], tools, tool_choice: 'any' })
  assert.deepEqual(openai.call, mistral.call)
  assert.deepEqual(openai.call.sampling, { seed: 7, maxTokens: 5, stop: ['x'] })
})

test('every sampling field reaches the call, and nulls are as if absent', () => {
  const { call } = prepare({
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    min_p: 0.1,
    frequency_penalty: 0.5,
    presence_penalty: -0.5,
    repetition_penalty: 1.1,
    logit_bias: { 5: -100 },
    min_tokens: 2,
    n: 3,
    logprobs: true,
    top_logprobs: 4,
    max_tokens: 9,
    stop: [],
    seed: null,
  } as Partial<ChatRequest>)
  assert.deepEqual(call.sampling, {
    temperature: 0.5,
    topP: 0.9,
    topK: 40,
    minP: 0.1,
    frequencyPenalty: 0.5,
    presencePenalty: -0.5,
    repetitionPenalty: 1.1,
    logitBias: { 5: -100 },
    maxTokens: 9,
    minTokens: 2,
    choices: 3,
    logprobs: 4,
  })
})

test('two names of one setting may agree and may not disagree', () => {
  assert.equal(prepare({ max_tokens: 5, max_completion_tokens: 5 }).call.sampling.maxTokens, 5)
  refused({ max_tokens: 5, max_completion_tokens: 6 }, 'invalid_value', 'max_completion_tokens', /max_tokens is 5/)
  refused({ random_seed: 1, seed: 2 }, 'invalid_value', 'seed')
  refused({ min_tokens: 6, max_tokens: 5 }, 'invalid_value', 'min_tokens')
})

test('seeds of 64 bits and negative ones become 32 bits that differ', () => {
  assert.equal(prepare({ seed: -1 }).call.sampling.seed, 4_294_967_295)
  assert.equal(prepare({ seed: 2 ** 53 + 2 }).call.sampling.seed, 2)
})

test('log-probabilities: none, without alternatives, with them; alternatives alone are refused', () => {
  assert.equal(prepare({ logprobs: false }).call.sampling.logprobs, undefined)
  assert.equal(prepare({ logprobs: true }).call.sampling.logprobs, 0)
  refused({ top_logprobs: 2 }, 'invalid_value', 'top_logprobs')
  refused({ prompt_logprobs: true }, 'unsupported_value', 'prompt_logprobs')
})

test('developer is system; parts are joined in order; the name of a speaker is named as ignored', () => {
  const { call, ignored } = prepare({
    messages: [
      { role: 'developer', content: 'rules' },
      {
        role: 'user',
        name: 'ann',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ],
  })
  assert.deepEqual(call.messages, [
    { role: 'system', content: [{ type: 'text', text: 'rules' }] },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    },
  ])
  assert.deepEqual(ignored, ['messages[].name'])
})

test('a part that the model cannot take is refused with its place, never dropped', () => {
  const part = (content: unknown) => ({ messages: [{ role: 'user', content: [content] }] }) as Partial<ChatRequest>
  const place = 'messages[0].content[0]'
  refused(part({ type: 'image_url', image_url: 'https://a/b.png' }), 'unsupported_value', place, /images/)
  refused(part({ type: 'input_audio', input_audio: { data: '', format: 'wav' } }), 'unsupported_value', place)
  refused(part({ type: 'document_url', document_url: 'https://a' }), 'unsupported_value', place)
  refused(part({ type: 'file', file: { file_id: 'f' } }), 'unsupported_value', place)
  const system = { messages: [{ role: 'system', content: [{ type: 'image_url', image_url: 'x' }] }, user] }
  refused(system as Partial<ChatRequest>, 'unsupported_value', place, /text only/)
})

test('calls and results: arguments as text or object, ids kept, results matched', () => {
  const { call } = prepare({
    messages: [
      user,
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'call_123456789012', type: 'function', function: { name: 'f', arguments: { a: 1 } } },
          { id: 'x', function: { name: 'g', arguments: '' } },
        ],
      },
      { role: 'tool', tool_call_id: 'x', content: 'second' },
      { role: 'tool', content: 'first' },
    ],
  })
  assert.deepEqual(call.messages.slice(1), [
    {
      role: 'assistant',
      content: [],
      toolCalls: [
        { id: 'call_123456789012', name: 'f', arguments: '{"a":1}' },
        { id: 'x', name: 'g', arguments: '{}' },
      ],
    },
    { role: 'tool', content: [{ type: 'text', text: 'second' }], toolCallId: 'x', name: 'g' },
    { role: 'tool', content: [{ type: 'text', text: 'first' }], toolCallId: 'call_123456789012', name: 'f' },
  ])
})

test('broken calls and stray results are refused with their place', () => {
  const calling = (argumentsText: string) =>
    ({
      messages: [
        user,
        { role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'f', arguments: argumentsText } }] },
      ],
    }) as Partial<ChatRequest>
  const place = 'messages[1].tool_calls[0].function.arguments'
  refused(calling('{"a":'), 'invalid_function_call', place, /not JSON/)
  refused(calling('[1]'), 'invalid_function_call', place, /not an object/)
  const stray = { messages: [user, { role: 'tool', tool_call_id: 'zz', content: '' }] } as Partial<ChatRequest>
  refused(stray, 'invalid_message_order', 'messages[1].tool_call_id', /"zz"/)
})

test('prefix is for the last message only', () => {
  const prefix = { role: 'assistant', content: 'Once', prefix: true } as const
  const { call } = prepare({ messages: [user, prefix] })
  assert.equal(call.messages[1]?.role === 'assistant' && call.messages[1].prefix, true)
  refused({ messages: [user, prefix, user] }, 'invalid_value', 'messages[1].prefix')
})

test('reasoning comes back from fields or from thinking parts', () => {
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] } as const
  const turn = (message: object) =>
    prepare({ messages: [user, { role: 'assistant', ...message }] as never }).call.messages[1]
  const expected = { role: 'assistant', content: [{ type: 'text', text: 'yes' }], toolCalls: [], reasoning: 'hm' }
  assert.deepEqual(turn({ content: [thinking, { type: 'text', text: 'yes' }] }), expected)
  assert.deepEqual(turn({ content: 'yes', reasoning_content: 'hm' }), expected)
})

test('tools: choices of every form, and what names nothing is refused', () => {
  const tools = ['f', 'g'].map((name) => ({ type: 'function', function: { name, parameters: { type: 'object' } } }))
  assert.deepEqual(prepare({ tools }).call.toolChoice, 'auto')
  assert.deepEqual(prepare({ tools, tool_choice: { type: 'function', function: { name: 'g' } } }).call.toolChoice, {
    name: 'g',
  })
  const allowed = prepare({
    tools,
    tool_choice: {
      type: 'allowed_tools',
      allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'g' } }] },
    },
  }).call
  assert.deepEqual([allowed.toolChoice, allowed.tools.map(({ name }) => name)], ['required', ['g']])
  refused({ tools, tool_choice: { function: { name: 'h' } } }, 'invalid_value', 'tool_choice', /"h"/)
  refused({ tool_choice: 'any' }, 'invalid_value', 'tool_choice')
  refused({ tools, tool_choice: { type: 'custom' } }, 'unsupported_value', 'tool_choice.type', /"custom"/)
  refused({ tools, tool_choice: { type: 'function' } }, 'invalid_value', 'tool_choice.function')
  refused({ tools, tool_choice: { type: 'allowed_tools' } }, 'invalid_value', 'tool_choice.allowed_tools')
  refused({ tools: [{ type: 'web_search' }] }, 'unsupported_value', 'tools[0].type', /web_search/)
  refused({ tools: [...tools, ...tools] }, 'invalid_value', 'tools', /"f"/)
})

test('the deprecated functions are tools', () => {
  const { call } = prepare({ functions: [{ name: 'f', description: 'does' }], function_call: { name: 'f' } })
  assert.deepEqual(call.tools, [
    { name: 'f', description: 'does', parameters: { type: 'object', properties: {} }, strict: false },
  ])
  assert.deepEqual(call.toolChoice, { name: 'f' })
  const { messages } = prepare({
    messages: [
      user,
      { role: 'assistant', function_call: { name: 'f', arguments: '{}' } },
      { role: 'function', name: 'f', content: '1' },
    ],
  }).call
  const [, calling, result] = messages
  assert.ok(calling?.role === 'assistant' && result?.role === 'tool')
  assert.equal(calling.toolCalls[0]?.id, result.toolCallId)
  assert.match(result.toolCallId, /^[a-zA-Z0-9]{9}$/)
})

test('the form of the answer', () => {
  assert.deepEqual(prepare({}).call.output, { type: 'text' })
  assert.deepEqual(prepare({ response_format: { type: 'json_object' } }).call.output, { type: 'json-object' })
  const json = { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' }, strict: true } } as const
  assert.deepEqual(prepare({ response_format: json }).call.output, {
    type: 'json-schema',
    name: 'n',
    schema: { type: 'object' },
    strict: true,
  })
  refused({ response_format: { type: 'json_schema' } }, 'invalid_value', 'response_format.json_schema.schema')
})

test("safe_prompt puts Mistral's text before the instructions", () => {
  const [first, second] = prepare({ safe_prompt: true }).call.messages
  assert.match(first?.role === 'system' ? JSON.stringify(first.content) : '', /Always assist with care/)
  assert.equal(second?.role, 'user')
  const merged = prepare({ safe_prompt: true, messages: [{ role: 'system', content: 'rules' }, user] }).call.messages
  assert.equal(merged.length, 2)
  assert.match(JSON.stringify(merged[0]?.content), /Always assist.*rules/s)
})

test('what has no effect is named; what would change the answer is refused', () => {
  const { ignored } = prepare({
    user: 'u',
    store: false,
    metadata: { a: 'b' },
    prediction: { type: 'content' },
    foo: 1,
  } as never)
  assert.deepEqual(ignored.toSorted(), ['foo', 'prediction'])
  assert.deepEqual(prepare({ stream_options: { include_usage: true } }).ignored, ['stream_options'])
  const described = { name: 'a', schema: { type: 'object' }, description: 'a person' }
  assert.deepEqual(prepare({ response_format: { type: 'json_schema', json_schema: described } }).ignored, [
    'response_format.json_schema.description',
  ])
  assert.deepEqual(prepare({ reasoning_effort: 'low' }).ignored, ['reasoning_effort'])
  refused({ guardrails: [{}] }, 'unsupported_value', 'guardrails')
  refused({ moderation: { model: 'm' } }, 'unsupported_value', 'moderation')
  const said = { role: 'assistant' as const, content: null, audio: { id: 'a' } }
  refused({ messages: [user, said, user] }, 'unsupported_value', 'messages[1].audio')
  refused({ modalities: ['text', 'audio'] }, 'unsupported_value', 'modalities')
  refused({ logit_bias: { 65536: 1 } }, 'invalid_value', 'logit_bias', /no token 65536/)
})
