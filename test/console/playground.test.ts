// Pure parts of the console: what models are sent, schemas as rows, that what a stranger stored is looked at piece by piece, what figures say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messagesFor, proceed, type Step, type Turn } from '../../console/src/pages/playground/conversation.ts'
import { openingOfShare, openingOfTrace, sharedOf } from '../../console/src/pages/playground/opening.ts'
import { rowsOf, type SchemaRow, schemaOf } from '../../console/src/pages/playground/schema-rows.ts'
import {
  bodyOf,
  faultOf,
  readSettings,
  reasonAgainst,
  usualSettings,
} from '../../console/src/pages/playground/settings.ts'
import { noAnswer, speedOf } from '../../console/src/pages/playground/stream.ts'
import { kindOf, startOf } from '../../console/src/pages/playground/value-schema.ts'
import { changeOf } from '../../console/src/pages/traces/differences.ts'
import { chartOf, others, type UsageEntry } from '../../console/src/pages/usage/series.ts'
import { callsQuery } from '../../console/src/server/calls.ts'
import { readSearch, writeSearch } from '../../console/src/shell/search.ts'
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

test('a schema wants a field of its kind, or JSON where fields cannot say it', () => {
  const kinds = [
    { enum: [1, 'a', null] },
    { type: 'boolean' },
    { type: 'integer' },
    { type: 'array', items: { type: 'object' } },
  ]
  assert.deepEqual(kinds.map(kindOf), ['choice', 'choice', 'integer', 'list'])
  const others = [
    undefined,
    null,
    {},
    { $ref: '#' },
    { type: ['string', 'null'] },
    { oneOf: [] },
    { type: 'array' },
    { type: 'object' },
  ]
  assert.deepEqual(new Set(others.map(kindOf)), new Set(['json']))
  assert.deepEqual(
    [{ type: 'object', properties: {} }, { type: 'array', items: {} }, { type: 'string' }, {}].map(startOf),
    [{}, [], '', null],
  )
})

test('a text that is no schema says where it is none', () => {
  assert.equal(reasonAgainst('{"a": 1}'), undefined)
  // Engines tell the place by numbers or by the text around it.
  assert.match(reasonAgainst('{\n  "a": ,\n}') ?? '', /line 2|position 9|"a": ,/)
  for (const text of ['[]', 'null', '5', '"x"', '{']) {
    assert.equal(faultOf({ ...usualSettings, schema: text }), 'schema', text)
  }
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

test('a question that is taken back goes with all that was said after it', () => {
  const before = { columns: [], turns: [turn('1', {}), turn('2', {}), turn('3', {})] }
  const ids = (id: string) => proceed(before, { type: 'taken-back', id }).turns.map((one) => one.id)
  assert.deepEqual([ids('2'), ids('1'), ids('nothing')], [['1'], [], ['1', '2', '3']])
})

test('a speed is of the time in which an answer was written; one that came all at once has that of its whole time', () => {
  const answer = { ...noAnswer, completionTokens: 61, totalMs: 2_000, firstTokenMs: 500 }
  assert.equal(speedOf(answer), 40)
  assert.equal(speedOf({ ...answer, firstTokenMs: 1_999 }), 30.5)
  assert.equal(speedOf({ ...answer, completionTokens: 1 }), undefined)
})

test('two figures are the same, or one is so much more; of nothing there is no such part', () => {
  const change = (left: number | null, right: number | null) => changeOf({ name: 'cost', left, right })
  assert.deepEqual([change(2, 3), change(0, 0), change(null, null), change(0, 13), change(null, 1)].map(String), [
    ...['0.5', '0', '0', 'undefined', 'undefined'],
  ])
})

test('a chart has every day of its time, and the smaller groups together, each of them named', () => {
  const first = Date.UTC(2026, 10, 20)
  const entry = (model: string, requests: number) =>
    ({ start: '2026-11-22T00:00:00.000Z', model, requests }) as unknown as UsageEntry
  const entries = Array.from({ length: 8 }, (_, index) => entry(`m${index}`, 10 - index))
  const chart = chartOf(entries, 'model', 'requests', { first, last: first + 4 * 86_400_000 + 5 })
  assert.deepEqual(
    chart.days.map(({ day }) => day.slice(8, 10)),
    ['20', '21', '22', '23', '24'],
  )
  assert.deepEqual(chart.groups, ['m0', 'm1', 'm2', 'm3', 'm4', others])
  assert.equal(chart.days[2]?.values[others], 5 + 4 + 3)
  assert.deepEqual(chart.days[1]?.values, {})
  const query = callsQuery({ from: '2026-11-22', model: chart.rest })
  assert.equal(query, 'from=2026-11-22&model=m5&model=m6&model=m7')
})

test('an address holds texts: numbers stay texts, and several of one name are its lines', () => {
  assert.deepEqual(readSearch('?q=5&ok=true&model=a&model=b%2Cc&empty='), {
    ...{ q: '5', ok: 'true', model: 'a\nb,c', empty: '' },
  })
  assert.equal(
    writeSearch({ version: 2, model: 'a\nb,c', empty: '', none: undefined }),
    '?version=2&model=a&model=b%2Cc',
  )
  assert.equal(writeSearch({}), '')
})
