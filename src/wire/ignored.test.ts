// Every field of a request works, is refused, or is named: what a body has that nobody reads, at any depth.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChatRequest } from './chat.ts'
import { CompletionRequest } from './completions.ts'
import { ignoredFields } from './ignored.ts'
import { ResponseRequest } from './responses.ts'

const chat = (body: object) => ignoredFields(ChatRequest, { model: 'm', messages: [], ...body }, [])

test('a field that no schema knows is named with its path, once for all items of a list', () => {
  const text = { type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }
  const messages = [
    { role: 'system', content: [text], weight: 1 },
    { role: 'user', content: [text, text] },
    { role: 'assistant', content: 'b', annotations: [{ url: 'c' }] },
  ]
  assert.deepEqual(chat({ messages, foo: 1, stream_options: { include_usage: true, include_obfuscation: true } }), [
    'messages[].content[].cache_control',
    'messages[].weight',
    'messages[].annotations',
    'foo',
    'stream_options.include_obfuscation',
  ])
})

test('what is not set, what belongs to the caller, and answers that are sent back name nothing', () => {
  const schema = { type: 'object', properties: { a: { title: 'x' } } }
  const call = { index: 0, id: 'abcdefghi', type: 'function', function: { name: 'f', arguments: { a: 1 } } }
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }], closed: true }
  assert.deepEqual(
    chat({
      messages: [
        { role: 'user', content: 'a', unset: null },
        { role: 'assistant', content: [thinking], refusal: null, tool_calls: [call], annotations: [] },
        { role: 'tool', content: 'b', tool_call_id: 'abcdefghi' },
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: schema, strict: true } }],
      response_format: { type: 'json_schema', json_schema: { name: 's', schema } },
      tool_choice: { type: 'function', function: { name: 'f' } },
      metadata: { anything: { at: 'all' } },
      stream_options: { include_obfuscation: false },
    }),
    [],
  )
  const answered = [
    {
      id: 'rs_1',
      type: 'reasoning',
      status: 'completed',
      summary: [],
      content: [{ type: 'reasoning_text', text: 'a' }],
    },
    {
      ...{ id: 'msg_1', type: 'message', role: 'assistant', status: 'completed' },
      content: [{ type: 'output_text', text: 'a', annotations: [], logprobs: [] }],
    },
    { id: 'fc_1', type: 'function_call', status: 'completed', call_id: 'a', name: 'f', arguments: '{}' },
  ]
  assert.deepEqual(ignoredFields(ResponseRequest, { model: 'm', input: answered }, []), [])
})

test('the branch that was meant tells what is known', () => {
  assert.deepEqual(chat({ response_format: { type: 'json_object', schema: {} } }), ['response_format.schema'])
  assert.deepEqual(chat({ tools: [{ type: 'function', function: { name: 'f' }, eager: true }] }), ['tools[].eager'])
  const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'a', speed: 2 }] }]
  assert.deepEqual(ignoredFields(ResponseRequest, { model: 'm', input, reasoning: { context: 'x' } }, []), [
    'input[].content[].speed',
    'reasoning.context',
  ])
  assert.deepEqual(ignoredFields(CompletionRequest, { model: 'm', prompt: [[1, 2], [3]] }, []), [])
})

test('who asks and labels are used; only what cannot be kept of them is named', () => {
  assert.deepEqual(chat({ user: 'u', metadata: { session_id: 's' } }), [])
  assert.deepEqual(chat({ user: 'u', safety_identifier: 's' }), ['user'])
  assert.deepEqual(chat({ user: 'u'.repeat(513) }), ['user'])
  assert.deepEqual(chat({ metadata: { long: 'x'.repeat(513), short: 'x' } }), ['metadata.long'])
  const many = Object.fromEntries(Array.from({ length: 18 }, (_, index) => [`k${index}`, 'v']))
  assert.deepEqual(chat({ metadata: many }), ['metadata.k16', 'metadata.k17'])
})
