// The playground's pure parts: what models are sent, schemas as rows, and that what a stranger stored is looked at piece by piece.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messagesFor, type Step, type Turn } from '../../console/src/pages/playground/conversation.ts'
import { openingOfShare, openingOfTrace, sharedOf } from '../../console/src/pages/playground/opening.ts'
import {
  argumentsOf,
  rowsOf,
  type SchemaRow,
  schemaOf,
  valuesOf,
} from '../../console/src/pages/playground/schema-rows.ts'
import { bodyOf, readSettings, usualSettings } from '../../console/src/pages/playground/settings.ts'
import { noAnswer } from '../../console/src/pages/playground/stream.ts'
import type { SpanShape, TraceShape } from '../../src/wire/observability.ts'

const said = (text: string): Step => ({ answer: { ...noAnswer, state: 'done', text } })
const call = { id: 'c1', name: 'weather', arguments: '{"city":"Paris"}' }
const wanting: Step = { answer: { ...noAnswer, state: 'done', calls: [call] } }
const turn = (id: string, steps: Turn['steps']): Turn => ({ id, question: `question ${id}`, steps })

test('a model is sent what was said in its own column, results of tools included, and no call that nobody answered', () => {
  const results = { c1: { arguments: '{"city":"Lyon"}', result: 'sunny' } }
  const turns = [
    turn('1', { left: [said('one')], right: [] }),
    turn('2', { left: [{ ...wanting, results }, said('It is sunny.')], right: [wanting] }),
    turn('3', {}),
  ]
  assert.deepEqual(messagesFor('left', turns, 'Be brief.'), [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'question 1' },
    { role: 'assistant', content: 'one' },
    { role: 'user', content: 'question 2' },
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Lyon"}' } }],
    },
    { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
    { role: 'assistant', content: 'It is sunny.' },
    { role: 'user', content: 'question 3' },
  ])
  assert.deepEqual(messagesFor('right', turns, ''), [{ role: 'user', content: 'question 3' }])
})

test('a flat schema is rows and comes back the same; what rows cannot say stays JSON', () => {
  const row: SchemaRow = { name: 'city', type: 'string', description: 'Where', required: true, choices: 'Paris, Lyon' }
  const rows: SchemaRow[] = [
    row,
    { ...row, name: 'days', type: 'integer', required: false, choices: '', description: '' },
    { ...row, name: 'tags', type: 'list', choices: '', description: '' },
  ]
  assert.deepEqual(rowsOf(schemaOf(rows)), rows)
  const closed = { type: 'object', required: [], additionalProperties: false }
  for (const schema of [
    null,
    [],
    { type: 'string' },
    { ...closed, properties: { a: { type: 'object', properties: {} } } },
    { ...closed, properties: { a: { type: 'string', pattern: 'x' } } },
    { ...closed, properties: { a: { type: 'string', enum: ['a,b'] } } },
    { ...closed, properties: {}, oneOf: [] },
  ])
    assert.equal(rowsOf(schema), undefined, JSON.stringify(schema))
})

test('the form of a call gives arguments of their types, or none', () => {
  const rows = rowsOf({
    type: 'object',
    properties: {
      ...{ city: { type: 'string' }, days: { type: 'integer' }, warm: { type: 'boolean' } },
      tags: { type: 'array', items: { type: 'string' } },
    },
  })
  assert.ok(rows)
  const values = valuesOf(rows, '{"city":"Paris","days":3,"warm":false,"tags":["a","b"],"more":1}')
  assert.deepEqual(values, { city: 'Paris', days: '3', warm: 'false', tags: 'a\nb' })
  assert.equal(argumentsOf(rows, values), '{"city":"Paris","days":3,"warm":false,"tags":["a","b"]}')
  assert.equal(argumentsOf(rows, { ...values, days: '1.5' }), undefined)
  assert.deepEqual(valuesOf(rows, 'no JSON'), { city: '', days: '', warm: '', tags: '' })
})

test('what was shared opens as it was, without errors of ours, and ended where it was being written', () => {
  const conversation = {
    columns: [{ id: 'left', model: 'm' }],
    turns: [
      turn('1', { left: [{ answer: { ...said('half').answer, state: 'writing', error: new Error('secret') } }] }),
    ],
  }
  const shared = JSON.parse(JSON.stringify(sharedOf(conversation, { ...usualSettings, system: 'Be brief.' })))
  assert.ok(!JSON.stringify(shared).includes('secret'))
  const opened = openingOfShare(shared)
  assert.equal(opened?.settings.system, 'Be brief.')
  assert.equal(opened?.conversation.turns[0]?.steps['left']?.[0]?.answer.state, 'stopped')
  assert.equal(opened?.conversation.turns[0]?.steps['left']?.[0]?.answer.text, 'half')
})

test('a share that holds something else opens nothing that is no text', () => {
  for (const content of [null, 'x', {}, { kind: 'other' }]) assert.equal(openingOfShare(content), undefined)
  const hostile = {
    kind: 'playground',
    settings: { system: { toString: 1 }, logprobs: 'yes', tools: 5, more: 'x' },
    columns: [...Array(9).fill({ id: 1, model: {} }), null],
    turns: [
      { question: ['x'], steps: { a: [{ answer: { text: {}, calls: [{ id: 1 }], promptTokens: 'many' } }, 7] } },
      3,
    ],
  }
  const opened = openingOfShare(hostile)
  assert.deepEqual(opened?.settings, usualSettings)
  assert.equal(opened?.conversation.columns.length, 4)
  assert.deepEqual(opened?.conversation.columns[0], { id: '', model: '' })
  const [first, ...more] = opened?.conversation.turns ?? []
  assert.equal(first?.question, '')
  assert.deepEqual(first?.steps['a']?.[0]?.answer, {
    ...noAnswer,
    ...{ state: 'stopped', calls: [{ id: '', name: '', arguments: '' }] },
    ...{ firstTokenMs: undefined, totalMs: undefined, promptTokens: undefined },
  })
  assert.deepEqual(more, [])
})

test('a trace is asked again with what was said before, of its model and another', () => {
  const part = (content: string) => [{ type: 'text', content }]
  const span = {
    request_model: 'b',
    ...{ request_temperature: 0.5, request_max_tokens: 9, request_seed: 0 },
    input_messages: JSON.stringify([
      { role: 'system', parts: part('Be brief.') },
      { role: 'user', parts: part('first') },
      { role: 'assistant', parts: part('answer') },
      { role: 'user', parts: part('second') },
    ]),
  } as unknown as SpanShape
  const whole = { object: 'trace' as const, trace: {} as TraceShape, feedback: [] }
  const opened = openingOfTrace({ ...whole, spans: [span] }, ['a', 'b'])
  assert.deepEqual(
    opened?.conversation.columns.map(({ model }) => model),
    ['b', 'a'],
  )
  assert.equal(opened?.question, 'second')
  assert.equal(opened?.conversation.turns.length, 1)
  const { system, temperature, maxTokens, seed } = opened?.settings ?? usualSettings
  assert.deepEqual([system, temperature, maxTokens, seed], ['Be brief.', '0.5', '9', ''])
  assert.equal(openingOfTrace({ ...whole, spans: [{ ...span, input_messages: '' }] }, ['a']), undefined)
})

test('settings become the fields of a request, a stored prompt among them', () => {
  const settings = readSettings({
    ...{ maxTokens: '5', tools: '[{"type":"function","function":{"name":"f"}}]', toolChoice: 'required' },
    ...{ prompt: 'greeting', promptVersion: '2', variables: '{"language":"French"}' },
  })
  assert.deepEqual(bodyOf('m', [], settings), {
    ...{ model: 'm', messages: [], max_tokens: 5 },
    prompt: { id: 'greeting', version: 2, variables: { language: 'French' } },
    ...{ tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: 'required' },
  })
})
