// The call that a Responses body means: its items as turns, and the model's failures in the words of the body.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { fail } from '../../base/errors.ts'
import type { ResponseInputItem, ResponseRequest } from '../../wire/responses.ts'
import { prepareResponse } from './prepare.ts'

const { card } = createEchoModel()
const user = (content: string): ResponseInputItem => ({ type: 'message', role: 'user', content })
const call = (call_id: string): ResponseInputItem => ({
  type: 'function_call',
  call_id,
  name: 'f',
  arguments: '{"a":1}',
})
const output = (call_id: string): ResponseInputItem => ({ type: 'function_call_output', call_id, output: call_id })

const prepare = (body: Partial<ResponseRequest>) => prepareResponse({ model: 'echo', input: 'x', ...body }, card)

test('instructions come first, and a string is what the user says', () => {
  const { messages } = prepare({ instructions: 'be brief', input: 'hi' }).call
  assert.deepEqual(messages, [
    { role: 'system', content: [{ type: 'text', text: 'be brief' }] },
    { role: 'user', content: [{ type: 'text', text: 'hi' }] },
  ])
})

test('reasoning, text and parallel calls of one turn are one turn again', () => {
  const input: ResponseInputItem[] = [
    user('hi'),
    { type: 'reasoning', content: [{ text: 'hm' }, { text: 'aha' }], summary: [{ text: 'short' }] },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'let me see' }] },
    call('a'),
    call('b'),
    output('b'),
    output('a'),
    { type: 'reasoning', summary: [{ text: 'only a summary' }] },
    call('c'),
    output('c'),
  ]
  const toolCall = (id: string) => ({ id, name: 'f', arguments: '{"a":1}' })
  const result = (id: string) => ({ role: 'tool', content: [{ type: 'text', text: id }], toolCallId: id, name: 'f' })
  assert.deepEqual(prepare({ input }).call.messages, [
    { role: 'user', content: [{ type: 'text', text: 'hi' }] },
    {
      role: 'assistant',
      content: [{ type: 'text', text: 'let me see' }],
      reasoning: 'hm\naha',
      toolCalls: [toolCall('a'), toolCall('b')],
    },
    result('b'),
    result('a'),
    { role: 'assistant', content: [], reasoning: 'only a summary', toolCalls: [toolCall('c')] },
    result('c'),
  ])
})

test('what the model finds wrong is told in the fields of this door', () => {
  const { rename } = prepare({ instructions: 'be brief', input: [user('hi'), call('a'), call('b'), output('a')] })
  const param = (name: string) => rename(fail('invalid_value', { param: name, reason: 'no' })).param
  assert.equal(param('messages[0].content'), 'instructions.content')
  assert.equal(param('messages[1].content[0]'), 'input[0].content[0]')
  assert.equal(param('messages[2].tool_calls[1].function.arguments'), 'input[2].arguments')
  assert.equal(param('messages[3].tool_call_id'), 'input[3].call_id')
  assert.equal(param('messages'), 'input')
  assert.equal(param('response_format.json_schema.schema/properties/a'), 'text.format.schema/properties/a')
  assert.equal(param('tools[1].function.parameters/type'), 'tools[1].parameters/type')
  assert.equal(param('temperature'), 'temperature')
})

test('all tools are repeated as sent, also those that allowed_tools leaves out', () => {
  const tools = ['first', 'second'].map((name) => ({ type: 'function', name }))
  const tool_choice: ResponseRequest['tool_choice'] = {
    type: 'allowed_tools',
    mode: 'auto',
    tools: [{ type: 'function', name: 'second' }],
  }
  const { call: prepared, settings } = prepare({ tools, tool_choice })
  assert.deepEqual(
    prepared.tools.map(({ name }) => name),
    ['second'],
  )
  const rest = { type: 'function', description: null, parameters: { type: 'object', properties: {} }, strict: false }
  assert.deepEqual(settings.tools, [
    { ...rest, name: 'first' },
    { ...rest, name: 'second' },
  ])
})
