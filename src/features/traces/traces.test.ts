import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { describeOnDatabases, type TestDatabase } from '../../../test/support/databases.ts'
import { Failure } from '../../base/errors.ts'
import { openReader } from '../../database/reader.ts'
import type { Attributes, Span } from '../../telemetry/span.ts'
import { aggregate } from './aggregate.ts'
import { deleteOldTraces } from './retention.ts'
import { rowsOf } from './rows.ts'
import { type Search, traceSearch } from './search.ts'
import { traceStore } from './store.ts'

const base = 1_790_000_000_000_000
const second = 1_000_000
const hex = (number: number, length: number) => number.toString(16).padStart(length, '0')

interface Given extends Partial<Span> {
  readonly trace: number
  readonly id: number
  readonly parent?: number
  readonly attributes?: Attributes
}

function span({ trace, id, parent, ...rest }: Given): Span {
  return {
    traceId: hex(trace, 32),
    spanId: hex(id, 16),
    parentSpanId: parent === undefined ? null : hex(parent, 16),
    traceState: '',
    name: `span ${id}`,
    kind: 'internal',
    startedAt: base + id * second,
    endedAt: base + id * second + 500_000,
    state: 'ok',
    stateMessage: '',
    attributes: {},
    events: [],
    resource: { 'service.name': 'app' },
    scope: { name: 'test', version: '1' },
    ...rest,
  }
}

const llm = (model: string, response: string, input: number, cached = 0): Attributes => ({
  'gen_ai.operation.name': 'chat',
  'gen_ai.request.model': model,
  'gen_ai.response.id': response,
  'gen_ai.usage.input_tokens': input,
  'gen_ai.usage.output_tokens': 10,
  'gen_ai.usage.cache_read.input_tokens': cached,
})

const rows = (spans: readonly Span[], source: 'otlp' | 'galerne' = 'otlp', keepsContent = false, workspace = 'w') =>
  spans.map((one) => rowsOf({ span: one, workspace, key: 'key_1', source, keepsContent }))

describeOnDatabases('traces', (get: () => TestDatabase) => {
  const store = () => traceStore(get().database)
  const search = () => traceSearch(get().database.query, get().database.dialect)
  const find = async (expression: string, workspace = 'search') =>
    (await search().traces({ workspace, limit: 100, expression } satisfies Search)).items.map((row) => row.trace_id)

  test('a trace is found by its own id and by that of a request that is part of it, in its workspace alone', async () => {
    const trace = hex(9_001, 32)
    const request = `${'cd'.repeat(15)}02`
    await store().append(
      rows([span({ trace: 9_001, id: 1, attributes: llm('m', request, 3) })], 'galerne', false, 'named'),
    )
    for (const id of [trace, request]) assert.equal((await store().whole('named', id))?.trace.trace_id, trace)
    assert.equal(await store().whole('other', request), undefined)
    assert.equal(await store().whole('named', `${'ef'.repeat(16)}`), undefined)
  })

  test('spans come in any order and more than once, and their trace is the same', async () => {
    const spans = [
      span({ trace: 1, id: 1, name: 'root', endedAt: base + 60 * second }),
      span({ trace: 1, id: 2, parent: 1, attributes: llm('m', 'r1', 100, 64) }),
      span({
        trace: 1,
        id: 3,
        parent: 1,
        state: 'error',
        attributes: { 'gen_ai.tool.name': 'search', 'gen_ai.operation.name': 'execute_tool' },
      }),
    ]
    assert.equal(await store().append(rows([spans[2] as Span])), 1)
    assert.equal(await store().append(rows([spans[1] as Span, spans[2] as Span])), 1)
    assert.equal(await store().append(rows(spans)), 1)
    assert.equal(await store().append(rows(spans)), 0)
    const whole = await store().whole('w', hex(1, 32))
    assert.equal(whole?.spans.length, 3)
    assert.deepEqual(
      {
        name: whole?.trace.name,
        state: whole?.trace.state,
        errors: whole?.trace.error_count,
        spans: whole?.trace.span_count,
        calls: whole?.trace.model_calls,
        tools: whole?.trace.tools,
        input: whole?.trace.input_tokens,
        cached: whole?.trace.cached_tokens,
        duration: whole?.trace.duration,
      },
      {
        name: 'root',
        state: 'ok',
        errors: 1,
        spans: 3,
        calls: 1,
        tools: '["search"]',
        input: 100,
        cached: 64,
        duration: 59 * second,
      },
    )
  })

  test('a call that the application and this server both tell of is counted once', async () => {
    const theirs = span({ trace: 2, id: 1, kind: 'client', attributes: llm('m', 'same', 100, 50) })
    const ours = span({ trace: 2, id: 2, parent: 1, kind: 'server', attributes: llm('m', 'same', 100, 50) })
    await store().append(rows([theirs]))
    await store().append(rows([ours], 'galerne'))
    const whole = await store().whole('w', hex(2, 32))
    assert.deepEqual([whole?.trace.model_calls, whole?.trace.input_tokens, whole?.trace.cached_tokens], [1, 100, 50])
  })

  test('one workspace sees nothing of another, also where trace ids are the same', async () => {
    await store().append(rows([span({ trace: 3, id: 1, name: 'theirs' })], 'otlp', false, 'other'))
    assert.equal(await store().whole('w', hex(3, 32)), undefined)
    await store().append(rows([span({ trace: 3, id: 1, name: 'mine' })]))
    assert.equal((await store().whole('w', hex(3, 32)))?.trace.name, 'mine')
    assert.equal((await store().whole('other', hex(3, 32)))?.trace.name, 'theirs')
  })

  test('what was said is kept where asked, apart from the span, and nowhere else', async () => {
    const said = { ...llm('m', 'r', 1), 'gen_ai.input.messages': '[{"role":"user","parts":["secret-words"]}]' }
    await store().append(rows([span({ trace: 4, id: 1, attributes: said })], 'otlp', false))
    await store().append(rows([span({ trace: 5, id: 1, attributes: said })], 'otlp', true))
    const without = await store().whole('w', hex(4, 32))
    assert.equal(without?.contents.size, 0)
    assert.doesNotMatch(JSON.stringify(without), /secret-words/)
    const kept = await store().whole('w', hex(5, 32))
    assert.doesNotMatch(JSON.stringify(kept?.spans), /secret-words/)
    assert.match(kept?.contents.get(hex(1, 16)) ?? '', /secret-words/)
    assert.equal(await store().removeContents('w', base + 100 * second, 100), 1)
    assert.equal((await store().whole('w', hex(5, 32)))?.contents.size, 0)
  })

  test('traces are found by every kind of condition', async () => {
    const given: Given[] = [
      { trace: 11, id: 1, name: 'alpha', attributes: { ...llm('small', 'a', 10), 'galerne.tags': ['blue', 'fast'] } },
      { trace: 12, id: 2, name: 'beta', state: 'error', attributes: { ...llm('large', 'b', 20), 'session.id': 's1' } },
      { trace: 13, id: 3, name: '100%_odd', endedAt: base + 90 * second, attributes: llm('large', 'c', 30) },
    ]
    await store().append(rows(given.map(span), 'otlp', false, 'search'))
    const ids = (...numbers: number[]) => numbers.map((number) => hex(number, 32))
    const cases: [expression: string, found: string[]][] = [
      ['', ids(13, 12, 11)],
      ["model = 'large'", ids(13, 12)],
      ["model != 'large'", ids(11)],
      ["status_code = 'Error'", ids(12)],
      ["status_code = 'Error' OR root_span_name LIKE 'al%'", ids(12, 11)],
      ["NOT model = 'large'", ids(11)],
      ["NOT conversation_id = 's1'", ids(13, 11)],
      ['conversation_id EXISTS', ids(12)],
      ["root_span_name CONTAINS '%_'", ids(13)],
      ["root_span_name ILIKE 'ALPHA'", ids(11)],
      ["root_span_name LIKE 'ALPHA'", []],
      ["root_span_name REGEXP '^(alpha|beta)$'", ids(12, 11)],
      ["root_span_name NOT REGEXP '^a'", ids(13, 12)],
      ['duration_ns > 60000000000', ids(13)],
      ['input_tokens BETWEEN 15 AND 25', ids(12)],
      ["model IN ('small', 'tiny')", ids(11)],
      ["has(tags, 'blue')", ids(11)],
      ["hasAll(tags, ['blue', 'fast'])", ids(11)],
      ["hasAny(tags, ['red', 'fast'])", ids(11)],
      ["hasAll(tags, ['blue', 'red'])", []],
      [`start_time >= '${new Date((base + 2 * second) / 1000).toISOString()}'`, ids(13, 12)],
    ]
    for (const [expression, found] of cases) assert.deepEqual(await find(expression), found, expression)
    const spans = await search().spans({
      workspace: 'search',
      limit: 10,
      expression: "span_attributes['gen_ai.request.model'] = 'small'",
    })
    assert.deepEqual(
      spans.items.map((row) => row.trace_id),
      ids(11),
    )
  })

  test('hostile and mistaken conditions are refused in words', async () => {
    const cases: [expression: string, message: RegExp][] = [
      ["nothing = 'x'", /there is no field "nothing"/],
      ["root_span_name REGEXP '(a+)+\\\\1'", /the pattern .* is refused/],
      ["root_span_name REGEXP '(?=a)'", /the pattern .* is refused/],
      ["duration_ns > 'long'", /compared with a number/],
      ["start_time > 'yesterday'", /compared with a date/],
    ]
    for (const [expression, message] of cases) {
      await assert.rejects(
        find(expression),
        (error) => error instanceof Failure && message.test(error.message),
        expression,
      )
    }
    assert.deepEqual(await find("model = 'x'' OR 1=1 --'"), [])
  })

  test('a search is the same however many fit: few are found by an index, many by time', async () => {
    const count = 4_500
    const given = Array.from({ length: count }, (_, index) =>
      span({
        trace: 20_000 + index,
        id: index + 1,
        name: index % 1_000 === 7 ? `rare ${index}` : `job ${index % 1_500}`,
        endedAt: base + (index + 1) * second + (index % 900 === 5 ? 70 * second : 500_000),
        attributes: {
          ...llm(index % 3 === 0 ? 'common' : 'usual', `x${index}`, index),
          'galerne.tags': [index % 2 === 0 ? 'even' : 'odd', ...(index % 1_100 === 1 ? ['seldom'] : [])],
          'user.id': `user-${index % 40}`,
        },
      }),
    )
    for (let from = 0; from < count; from += 500)
      await store().append(rows(given.slice(from, from + 500), 'otlp', false, 'many'))
    const expected = (fits: (index: number) => boolean) =>
      given
        .map((_, index) => index)
        .filter(fits)
        .reverse()
        .slice(0, 100)
        .map((index) => hex(20_000 + index, 32))
    const cases: [expression: string, fits: (index: number) => boolean][] = [
      ["root_span_name CONTAINS 'rare'", (index) => index % 1_000 === 7],
      ["root_span_name CONTAINS 'job 12'", (index) => index % 1_000 !== 7 && `${index % 1_500}`.startsWith('12')],
      ["root_span_name LIKE 'job%'", (index) => index % 1_000 !== 7],
      ["root_span_name CONTAINS 'nowhere'", () => false],
      ['duration_ns > 60000000000', (index) => index % 900 === 5],
      ['duration_ns < 60000000000', (index) => index % 900 !== 5],
      ["has(tags, 'seldom')", (index) => index % 1_100 === 1],
      ["has(tags, 'even')", (index) => index % 2 === 0],
      ["hasAny(tags, ['seldom', 'odd'])", (index) => index % 2 === 1 || index % 1_100 === 1],
      ["hasAll(tags, ['seldom', 'odd'])", (index) => index % 2 === 1 && index % 1_100 === 1],
      ["user_id = 'user-7' AND model = 'common'", (index) => index % 40 === 7 && index % 3 === 0],
      ["model = 'common' AND duration_ns > 60000000000", (index) => index % 3 === 0 && index % 900 === 5],
      ["has(tags, 'seldom') OR user_id = 'user-7'", (index) => index % 1_100 === 1 || index % 40 === 7],
    ]
    for (const [expression, fits] of cases) assert.deepEqual(await find(expression, 'many'), expected(fits), expression)
    const from = base + 4_000 * second
    const late = await search().traces({ workspace: 'many', limit: 100, from, expression: "has(tags, 'seldom')" })
    assert.deepEqual(
      late.items.map((row) => row.trace_id),
      [hex(24_401, 32)],
    )
    const { items, cursor } = await search().traces({ workspace: 'many', limit: 3, expression: "user_id = 'user-7'" })
    const next = await search().traces({
      ...{ workspace: 'many', limit: 100, expression: "user_id = 'user-7'" },
      ...(cursor !== undefined && { cursor }),
    })
    assert.deepEqual(
      [...items, ...next.items].map((row) => row.trace_id).slice(0, 100),
      expected((index) => index % 40 === 7),
    )
  })

  test('a list goes page by page without a gap or a double', async () => {
    const many = Array.from({ length: 25 }, (_, index) => span({ trace: 100 + index, id: 1 + (index % 3) }))
    await store().append(rows(many, 'otlp', false, 'pages'))
    const seen: string[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await search().traces({ workspace: 'pages', limit: 10, ...(cursor !== undefined && { cursor }) })
      seen.push(...page.items.map((row) => row.trace_id))
      if (page.cursor === undefined) break
      cursor = page.cursor
    }
    assert.equal(seen.length, 25)
    assert.equal(new Set(seen).size, 25)
    await assert.rejects(search().traces({ workspace: 'pages', limit: 1, cursor: 'made-up' }), /cursor/)
  })

  test('figures are counted by field and by time, percentiles by the nearest rank', async () => {
    const { query, dialect } = get().database
    const many = Array.from({ length: 100 }, (_, index) =>
      span({
        trace: 1_000 + index,
        id: 1,
        startedAt: base + index * 60 * second,
        endedAt: base + index * 60 * second + (index + 1) * 1_000,
        attributes: llm(index < 75 ? 'small' : 'large', `r${index}`, index),
      }),
    )
    await store().append(rows(many, 'otlp', false, 'figures'))
    const asked = {
      workspace: 'figures',
      table: 'traces',
      from: base,
      to: base + 6_000 * second,
      measure: '*',
      aggregation: 'count',
      dimensions: ['model'],
      granularity: undefined,
      expression: '',
      orderBy: [],
      limit: 100,
    } as const
    const counted = await aggregate(query, dialect, asked)
    assert.deepEqual(
      counted.rows.map((row) => [row.dimensions['model'], row.value]),
      [
        ['small', 75],
        ['large', 25],
      ],
    )
    const slow = await aggregate(query, dialect, {
      ...asked,
      measure: 'duration_ns',
      aggregation: 'p90',
      dimensions: [],
    })
    assert.deepEqual(
      slow.rows.map((row) => row.value),
      [90 * 1_000 * 1_000],
    )
    const byHour = await aggregate(query, dialect, { ...asked, dimensions: [], granularity: 'hour' })
    assert.equal(
      byHour.rows.reduce((sum, row) => sum + (row.value ?? 0), 0),
      100,
    )
    assert.ok(byHour.rows.every((row) => (row.bucket ?? 1) % (3_600 * second) === 0))
    const byMonth = await aggregate(query, dialect, { ...asked, dimensions: [], granularity: 'month' })
    assert.equal(new Date((byMonth.rows[0]?.bucket ?? 0) / 1_000).getUTCDate(), 1)
    const filtered = await aggregate(query, dialect, {
      ...asked,
      expression: "model = 'large'",
      measure: 'input_tokens',
      aggregation: 'max',
    })
    assert.deepEqual(
      filtered.rows.map((row) => row.value),
      [99],
    )
    await assert.rejects(
      aggregate(query, dialect, { ...asked, dimensions: ['models_used'] }),
      /no field that can be counted by/,
    )
  })

  test('searches read beside the server: the reader knows the same operators', async () => {
    const reader = openReader(get().database)
    try {
      const beside = traceSearch(reader.query, get().database.dialect)
      const page = await beside.traces({
        workspace: 'search',
        limit: 10,
        expression: "root_span_name REGEXP '^alpha$'",
      })
      assert.deepEqual(
        page.items.map((row) => row.trace_id),
        [hex(11, 32)],
      )
      assert.deepEqual(await beside.options('traces', 'search', 'model'), ['large', 'small'])
      assert.deepEqual([...(await beside.options('traces', 'search', 'tags'))].sort(), ['blue', 'fast'])
    } finally {
      await reader.close()
    }
  })

  test('each workspace’s rules say when traces go, and when what was said goes before them', async () => {
    const day = 86_400 * second
    const said = { ...llm('m', 'r', 1), 'gen_ai.input.messages': '["words"]' }
    for (const workspace of ['short', 'apart', 'ever']) {
      const spans = Array.from({ length: 250 }, (_, id) =>
        span({ trace: 5_000 + id, id: 1, startedAt: base - (id % 2) * 9 * day, attributes: said }),
      )
      await store().append(rows(spans, 'otlp', true, workspace))
    }
    const settings = new Map([
      ['short', { traceDays: 7, contentDays: null }],
      ['apart', { traceDays: null, contentDays: 7 }],
    ])
    const counts = async (table: 'traces' | 'spans' | 'span_contents') => {
      const { query } = get().database
      const of = async (workspace: string) =>
        (await query.selectFrom(table).select('trace_id').where('workspace', '=', workspace).execute()).length
      return [await of('short'), await of('apart'), await of('ever')]
    }
    const deleted = await deleteOldTraces(store(), settings, base / 1_000)
    assert.deepEqual(deleted, { traces: 125, contents: 125 })
    assert.deepEqual(await counts('traces'), [125, 250, 250])
    assert.deepEqual(await counts('spans'), [125, 250, 250])
    assert.deepEqual(await counts('span_contents'), [125, 125, 250])
    assert.deepEqual(await deleteOldTraces(store(), settings, base / 1_000), { traces: 0, contents: 0 })
  })

  test('old traces go with everything that is theirs', async () => {
    await store().append(rows([span({ trace: 21, id: 1 }), span({ trace: 22, id: 50 })], 'otlp', true, 'old'))
    assert.equal(await store().removeTraces('old', base + 10 * second, 100), 1)
    assert.equal(await store().whole('old', hex(21, 32)), undefined)
    assert.ok(await store().whole('old', hex(22, 32)))
    const left = await get()
      .database.query.selectFrom('spans')
      .select('span_id')
      .where('workspace', '=', 'old')
      .execute()
    assert.equal(left.length, 1)
  })
})

describe('rows of spans', () => {
  test('long texts are cut with a mark, and a text never holds what PostgreSQL cannot keep', () => {
    const [row] = rows([span({ trace: 1, id: 1, attributes: { long: 'x'.repeat(50_000), nul: 'a\0b' } })])
    const kept = JSON.parse(row?.span.attributes ?? '{}') as { long: string; nul: string }
    assert.match(kept.long, /17232 more characters were not kept/)
    assert.equal(kept.nul, 'a\ufffdb')
  })
})
