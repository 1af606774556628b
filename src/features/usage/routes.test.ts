// Reports over HTTP as the official client and a browser ask for them, and who may see which.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import OpenAI from 'openai-7'
import { type AccountingServer, startAccounting } from '../../../test/support/accounting.ts'
import { describeOnServers } from '../../../test/support/databases.ts'
import { adminKey, testKey } from '../../../test/support/server.ts'
import { rowsStart as start, usageRow, writeRows } from '../../../test/support/usage-rows.ts'

const day = 86_400_000
const midnight = start + 2000

describeOnServers('usage over HTTP', (get) => {
  let server: AccountingServer
  before(async () => {
    const { database } = get()
    server = await startAccounting(database)
    await writeRows(database, [
      usageRow(),
      usageRow({ at: start + 1000, key: 'key_2', class: 'batch', cost: 8200 }),
      usageRow({ at: midnight, model: 'other', workspace: 'second', status: 'engine_failed', estimated: true }),
      usageRow({ at: midnight + 60_000, operation: 'embed', completionTokens: 0, cachedTokens: 0, cost: 10_000 }),
    ])
    await database.query
      .insertInto('workspaces')
      .values({ id: 'second', name: 'Second', description: null, settings: '{}', created_at: 0, archived_at: null })
      .execute()
  })
  after(() => server.stop())
  const client = (key = adminKey) =>
    new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key, adminAPIKey: key, maxRetries: 0 }).admin.organization.usage
  const send: AccountingServer['send'] = (...request) => server.send(...request)
  const seconds = (time: number) => time / 1000

  test('the official client reads completions by day, with empty days and pages', async () => {
    const query = { start_time: seconds(midnight - 3 * day), end_time: seconds(midnight + day), limit: 2 }
    const first = await client().completions(query)
    assert.deepEqual([first.object, first.data.length, first.has_more], ['page', 2, true])
    assert.deepEqual(
      first.data.map(({ results }) => results),
      [[], []],
    )
    const second = await client().completions({ ...query, page: first.next_page ?? '' })
    assert.deepEqual([second.has_more, second.next_page], [false, null])
    assert.deepEqual(
      second.data.map(({ start_time, end_time }) => [start_time, end_time]),
      [
        [seconds(midnight - day), seconds(midnight)],
        [seconds(midnight), seconds(midnight + day)],
      ],
    )
    const [result] = second.data[0]?.results ?? []
    assert.ok(result?.object === 'organization.usage.completions.result')
    const { input_tokens, input_cached_tokens, output_tokens, num_model_requests, project_id, batch } = result
    assert.deepEqual([input_tokens, input_cached_tokens, output_tokens, num_model_requests], [20, 8, 10, 2])
    assert.deepEqual([project_id, batch], [null, null])
  })

  test('groups and filters, by minute', async () => {
    const minute = start - (start % 60_000)
    const query = { start_time: seconds(minute), end_time: seconds(midnight + 60_000), bucket_width: '1m' as const }
    const grouped = await client().completions({ ...query, group_by: ['project_id', 'api_key_id', 'model', 'batch'] })
    const results = grouped.data.flatMap(({ start_time, results }) =>
      results.map((result) => {
        assert.ok(result.object === 'organization.usage.completions.result')
        return [start_time * 1000, result.project_id, result.api_key_id, result.model, result.batch]
      }),
    )
    assert.deepEqual(results, [
      [minute, 'default', 'key_1', 'tiny', false],
      [minute, 'default', 'key_2', 'tiny', true],
      [midnight, 'second', 'key_1', 'other', false],
    ])
    const count = async (filter: object) => {
      const { data } = await client().completions({ ...query, ...filter })
      return data.flatMap(({ results }) =>
        results.map((result) => ('num_model_requests' in result ? result.num_model_requests : 0)),
      )
    }
    assert.deepEqual(await count({ batch: true }), [1])
    assert.deepEqual(await count({ models: ['tiny'], api_key_ids: ['key_1', 'key_9'] }), [1])
    assert.deepEqual(await count({ project_ids: ['second'] }), [1])
    assert.deepEqual(await count({ user_ids: ['nobody'] }), [])
  })

  test('embeddings, costs, and reports of what is not done here', async () => {
    const query = { start_time: seconds(midnight - day), end_time: seconds(midnight + day) }
    const embeddings = await client().embeddings(query)
    assert.deepEqual(
      embeddings.data.map(({ results }) => results.map((result) => 'input_tokens' in result && result.input_tokens)),
      [[], [10]],
    )
    const costs = await client().costs({ ...query, group_by: ['line_item', 'project_id'] })
    const lines = costs.data.flatMap(({ results }) =>
      results.map((result) => {
        assert.ok(result.object === 'organization.costs.result')
        return [result.line_item, result.project_id, result.amount, result.quantity]
      }),
    )
    assert.deepEqual(lines, [
      ['tiny', 'default', { value: 0.0000246, currency: 'usd' }, 30],
      ['other', 'second', { value: 0.0000164, currency: 'usd' }, 15],
      ['tiny', 'default', { value: 0.00001, currency: 'usd' }, 10],
    ])
    const images = await client().images(query)
    assert.deepEqual(
      images.data.map(({ results }) => results),
      [[], []],
    )
  })

  test('a wrong question is a 400 that names its field', async () => {
    const wrong: readonly (readonly [string, string])[] = [
      ['completions', 'start_time'],
      ['completions?start_time=x', 'start_time'],
      ['completions?start_time=1&limit=32', 'limit'],
      ['completions?start_time=1&limit=0', 'limit'],
      ['completions?start_time=1&group_by[]=colour', 'group_by[]'],
      ['completions?start_time=1&group_by=line_item', 'group_by'],
      ['completions?start_time=1&bucket_width=1y', 'bucket_width'],
      ['completions?start_time=9&end_time=9', 'end_time'],
      ['completions?start_time=1&page=next', 'page'],
      ['completions?start_time=1&colour=red', 'colour'],
    ]
    for (const [path, param] of wrong) {
      const { status, body } = await send('GET', `/v1/organization/usage/${path}`)
      assert.deepEqual([status, body.error.param], [400, param], path)
    }
    const costs = await send('GET', '/v1/organization/costs?start_time=1&bucket_width=1h')
    assert.deepEqual([costs.status, costs.body.error.param], [400, 'bucket_width'])
    for (const path of [
      '?from=2026-13-40',
      '?width=week',
      '?from=2026-11-24&to=2026-11-23',
      '?from=2020-01-01&width=minute',
    ]) {
      assert.equal((await send('GET', `/galerne/v1/usage${path}`)).status, 400, path)
    }
  })

  test('a member sees the workspace of the key and no other', async () => {
    const own = await client(testKey).completions({
      start_time: seconds(midnight - day),
      end_time: seconds(midnight + day),
      group_by: ['project_id'],
    })
    const seen = own.data.flatMap(({ results }) => results.map((result) => 'project_id' in result && result.project_id))
    assert.deepEqual(seen, ['default'])
    assert.equal((await send('GET', '/galerne/v1/usage?workspace=second', undefined, testKey)).status, 404)
    assert.equal((await send('GET', '/v1/admin/usage?workspace_id=second', undefined, testKey)).status, 404)
    const calls = await send('GET', '/galerne/v1/usage/calls', undefined, testKey)
    assert.ok(calls.body.data.every(({ workspace }: { workspace: string }) => workspace === 'default'))
    assert.equal((await send('POST', '/galerne/v1/reprice', {}, testKey)).status, 403)
    assert.equal(
      (await send('POST', '/galerne/v1/prices', { model: 'echo', input: 1, output: 1 }, testKey)).status,
      403,
    )
  })

  test('Mistral’s month, with prices of one token', async () => {
    const { body } = await send('GET', '/v1/admin/usage?month=11&year=2026')
    assert.deepEqual(Object.keys(body.completion.models).sort(), ['other', 'tiny'])
    const tiny = body.completion.models.tiny
    assert.deepEqual(
      tiny.input.map(({ timestamp, value }: { timestamp: string; value: number }) => [timestamp, value]),
      [
        ['2026-11-23', 12],
        ['2026-11-24', 10],
      ],
    )
    assert.deepEqual([tiny.cached[0].value, tiny.output[0].value, tiny.output.length], [8, 10, 1])
    assert.deepEqual([body.currency, body.currency_symbol, body.start_date], ['USD', '$', '2026-11-01T00:00:00.000Z'])
    assert.deepEqual([body.previous_month, body.ocr], ['2026-10', { models: {} }])
    const empty = await send('GET', '/v1/admin/usage?month=11&year=2026&api_zone=us')
    assert.deepEqual(empty.body.completion.models, {})
    assert.equal((await send('GET', '/v1/admin/usage?month=13')).status, 400)
  })

  test('dashboards: exact money, averages, CSV', async () => {
    const path = '/galerne/v1/usage?from=2026-11-23&to=2026-11-25'
    const { body } = await send('GET', `${path}&group_by=model&group_by=class`)
    assert.deepEqual([body.from, body.to, body.width], ['2026-11-23T00:00:00.000Z', '2026-11-25T00:00:00.000Z', 'day'])
    const [batch, interactive] = body.data
    assert.deepEqual(
      [batch.class, batch.cost, batch.cost_nano, batch.average_first_token_ms],
      ['batch', '0.0000082', 8200, 20],
    )
    assert.deepEqual(
      [interactive.start, interactive.model, interactive.requests],
      ['2026-11-23T00:00:00.000Z', 'tiny', 1],
    )
    const total = await send('GET', `${path}&width=total`)
    assert.deepEqual(
      total.body.data.map(({ start, requests, errors, estimated, cost }: Record<string, unknown>) => [
        start,
        requests,
        errors,
        estimated,
        cost,
      ]),
      [[null, 4, 1, 1, '0.000051']],
    )
    const table = await send('GET', `${path}&width=total&group_by=workspace&format=csv`)
    assert.match(table.type, /^text\/csv/)
    const [head, first] = table.text.split('\r\n')
    assert.match(head ?? '', /^start,workspace,requests,errors,/)
    assert.match(first ?? '', /^,default,3,0,0,30,8,10,0,USD,0\.0000346,34600,/)
  })

  test('what this server never does is an empty report, with every filter that its kind has', async () => {
    for (const [kind, filters] of [
      ['images', 'sources[]=image.edit&sizes=256x256&group_by[]=size&group_by[]=source'],
      ['file_search_calls', 'vector_store_ids[]=vs_1&group_by=vector_store_id'],
      ['web_search_calls', 'context_levels[]=low&group_by=context_level'],
      ['moderations', 'group_by=model'],
    ] as const) {
      const { status, body } = await send('GET', `/v1/organization/usage/${kind}?start_time=1700000000&${filters}`)
      assert.deepEqual([status, body.data[0]?.results], [200, []], kind)
    }
    const wrong = await send('GET', '/v1/organization/usage/completions?start_time=1700000000&group_by=size')
    assert.deepEqual([wrong.status, wrong.body.error.param], [400, 'group_by'])
  })

  test('single calls, page by page, and what was said in one', async () => {
    const page = await send('GET', '/galerne/v1/usage/calls?limit=3')
    assert.deepEqual([page.body.data.length, page.body.has_more], [3, true])
    const rest = await send('GET', `/galerne/v1/usage/calls?limit=3&after=${page.body.last_id}`)
    assert.deepEqual([rest.body.data.length, rest.body.has_more], [1, false])
    const times = [...page.body.data, ...rest.body.data].map(({ at }: { at: string }) => at)
    assert.deepEqual(times, [...times].sort().reverse())
    const failed = await send('GET', '/galerne/v1/usage/calls?failed=true')
    assert.deepEqual(
      failed.body.data.map(({ status, estimated }: Record<string, unknown>) => [status, estimated]),
      [['engine_failed', true]],
    )
    const { id, request_id } = page.body.data[0]
    const asked = await send('GET', `/galerne/v1/usage/calls?request=${encodeURIComponent(request_id)}`)
    assert.deepEqual(
      asked.body.data.map((call: { id: string }) => call.id),
      [id],
    )
    const unknown = await send('GET', '/galerne/v1/usage/calls?after=none')
    assert.deepEqual([unknown.status, unknown.body.error.param], [400, 'after'])
    const one = await send('GET', `/galerne/v1/usage/calls/${page.body.first_id}`)
    assert.deepEqual([one.body.id, one.body.content], [page.body.first_id, null])
    assert.equal((await send('GET', '/galerne/v1/usage/calls/none')).status, 404)
  })

  test('sums and calls of one question are of one count', async () => {
    const { query } = get().database
    await writeRows(get().database, [usageRow({ at: midnight + 3000, key: 'key_3', status: 'abandoned', cost: 7 })])
    const questions = [
      ...['', 'workspace=second', 'key=key_1', 'key=key_1&key=key_2', 'model=tiny', 'class=batch', 'key=key_3'],
      ...['to=2026-11-24', 'from=2026-11-24', 'from=2026-11-24T00:01Z&to=2026-11-24T00:02Z', 'model=tiny&class=batch'],
    ]
    for (const question of questions) {
      const from = question.startsWith('from=') ? '' : 'from=2026-11-01&'
      const sums = (await send('GET', `/galerne/v1/usage?${from}width=total&${question}`)).body.data
      const calls = (await send('GET', `/galerne/v1/usage/calls?${from}${question}`)).body.data
      const failed = (await send('GET', `/galerne/v1/usage/calls?${from}failed=true&${question}`)).body.data
      assert.deepEqual(
        sums.map(({ requests, errors, cost_nano }: Record<string, number>) => [requests, errors, cost_nano]),
        [
          [
            calls.length,
            failed.length,
            calls.reduce((sum: number, call: { cost_nano: number }) => sum + call.cost_nano, 0),
          ],
        ],
        question,
      )
    }
    await query.deleteFrom('usage').where('key_id', '=', 'key_3').execute()
  })

  test('a report goes on page by page, the newest first', async () => {
    const path = '/galerne/v1/usage?from=2026-11-23&to=2026-11-25&group_by=model&group_by=workspace&group_by=class'
    const whole = await send('GET', path)
    const walked: unknown[] = []
    for (let query = '&limit=2'; ; ) {
      const { body } = await send('GET', `${path}${query}`)
      walked.push(...body.data)
      if (!body.has_more) break
      query = `&limit=2&after=${encodeURIComponent(body.last_id)}`
    }
    assert.ok(walked.length > 2)
    assert.deepEqual(walked, whole.body.data.toReversed())
    for (const query of ['limit=0', 'limit=101', 'after=x', 'after=%00']) {
      const { status, body } = await send('GET', `${path}&${query}`)
      assert.deepEqual([status, body.error.param], [400, query.split('=')[0]], query)
    }
  })

  test('whoever holds a key sees the calls that were made with it, and no others', async () => {
    const id = 'key_use'
    await writeRows(get().database, [usageRow({ key: id }), usageRow({ key: id, status: 'engine_failed' })])
    const own = await send('GET', '/galerne/v1/usage/own-calls?limit=1', undefined, testKey)
    assert.deepEqual([own.status, own.body.data[0].key, own.body.has_more], [200, id, true])
    const failed = await send('GET', '/galerne/v1/usage/own-calls?failed=true', undefined, testKey)
    assert.deepEqual([failed.body.data.length, failed.body.data[0].status], [1, 'engine_failed'])
    assert.equal((await send('GET', '/galerne/v1/usage/own-calls?key=key_1', undefined, testKey)).status, 400)
  })

  test('copies for shadows are left out where somebody asks what a budget counts', async () => {
    const at = midnight + 100 * day
    await writeRows(get().database, [
      usageRow({ at }),
      usageRow({ at, workspace: 'shadow', key: 'shadow', class: 'batch' }),
      usageRow({ at: at + 1, workspace: 'second', key: 'key_9', status: 'engine_failed' }),
    ])
    const from = new Date(at).toISOString()
    const figures = async (query: string) => {
      const sums = await send('GET', `/galerne/v1/usage?width=total&from=${from}&to=2027-12-31&${query}`)
      const calls = await send('GET', `/galerne/v1/usage/calls?from=${from}&${query}`)
      return [sums.body.data[0].requests, calls.body.data.length]
    }
    assert.deepEqual(await figures(''), [3, 3])
    assert.deepEqual(await figures('shadows=true'), [3, 3])
    assert.deepEqual(await figures('shadows=false'), [2, 2])
    assert.deepEqual(await figures('shadows=false&model=tiny&key=key_9'), [1, 1])
    assert.equal((await send('GET', '/galerne/v1/usage/calls?shadows=perhaps')).status, 400)
  })
})
