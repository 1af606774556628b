// Batches over HTTP on both databases: both dialects from input to results, faults by line, cancel, expiry, deletion.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { describeOnServers } from '../../../test/support/databases.ts'
import { createEchoModel, type EchoModel } from '../../../test/support/echo-model.ts'
import { type FilesServer, startFilesServer, upload } from '../../../test/support/files-server.ts'
import { send } from '../../../test/support/http-client.ts'
import { adminKey } from '../../../test/support/server.ts'
import { systemClock } from '../../base/clock.ts'
import { openPrompts, type Prompts } from '../prompts/open.ts'

type Line = Record<string, unknown>

const chatBody = (text: string, extra: object = {}) => ({
  model: 'echo',
  messages: [{ role: 'user', content: text }],
  ...extra,
})
const line = (id: string, extra: object = {}): Line => ({
  custom_id: id,
  method: 'POST',
  url: '/v1/chat/completions',
  body: chatBody(`say ${id}`),
  ...extra,
})
const jsonl = (lines: readonly unknown[]) => lines.map((one) => `${JSON.stringify(one)}\n`).join('')

describeOnServers('batches', (get) => {
  let server: FilesServer
  let echo: EchoModel
  let slow: EchoModel
  const clock = { offset: 0, now: () => Date.now() + clock.offset, elapsed: () => performance.now() }
  before(async () => {
    echo = createEchoModel({ streams: 4 })
    slow = createEchoModel({ name: 'slow', streams: 2, tokenMs: 20 })
    server = await startFilesServer(get().database, { models: [echo, slow], clock })
  })
  after(() => server.stop())

  const input = async (content: string): Promise<string> => {
    const { status, body } = await upload(server, { purpose: 'batch', file: ['in.jsonl', content] })
    assert.equal(status, 200, JSON.stringify(body))
    return body.id
  }
  const create = async (fileId: string, extra: object = {}) =>
    send(server, '/v1/batches', {
      body: { input_file_id: fileId, endpoint: '/v1/chat/completions', completion_window: '24h', ...extra },
    })
  const until = async (path: string, reached: (body: Line) => boolean) => {
    for (;;) {
      const answer = await send(server, path)
      assert.equal(answer.status, 200, answer.text)
      if (reached(answer.json())) return answer.json()
      await delay(10)
    }
  }
  const ended = (body: Line) => /^(completed|failed|expired|cancelled)$/.test(String(body['status']))
  const results = async (fileId: string): Promise<Line[]> =>
    (await send(server, `/v1/files/${fileId}/content`)).text
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text))

  test('a batch of OpenAI is answered line by line, in the class batch, and what fails is in the error file', async () => {
    const lines = [
      line('a'),
      line('b', { body: chatBody('say b', { temperature: 9 }) }),
      line('c', { body: chatBody('say c', { stream: true }) }),
      line('é ☃'),
    ]
    const before = echo.seen.length
    const created = (await create(await input(jsonl(lines)), { metadata: { who: 'me' } })).json()
    assert.match(created.id, /^batch_/)
    assert.deepEqual([created.object, created.status, created.metadata], ['batch', 'validating', { who: 'me' }])
    const done = await until(`/v1/batches/${created.id}`, ended)
    assert.equal(done.status, 'completed')
    assert.deepEqual(done.request_counts, { total: 4, completed: 2, failed: 2 })
    assert.deepEqual([done.usage.input_tokens, done.usage.output_tokens], [5, 5])
    assert.ok(done.in_progress_at >= done.created_at && done.completed_at >= done.in_progress_at)
    const outputs = await results(done.output_file_id)
    assert.deepEqual(
      outputs.map((output) => output['custom_id']),
      ['a', 'é ☃'],
    )
    const [first] = outputs as {
      id: string
      error: null
      response: { status_code: number; request_id: string; body: Line }
    }[]
    assert.equal(first?.id, `batch_req_${first?.response.request_id}`)
    assert.deepEqual(
      [first?.error, first?.response.status_code, first?.response.body['object']],
      [null, 200, 'chat.completion'],
    )
    assert.match(JSON.stringify(first?.response.body), /"content":"say a"/)
    const errors = (await results(done.error_file_id)) as {
      custom_id: string
      response: { status_code: number; body: Line }
    }[]
    assert.deepEqual(
      errors.map(({ custom_id, response }) => [custom_id, response.status_code, response.body['param']]),
      [
        ['b', 400, 'temperature'],
        ['c', 400, 'stream'],
      ],
    )
    const file = (await send(server, `/v1/files/${done.output_file_id}`)).json()
    assert.deepEqual([file.purpose, file.sample_type, file.num_lines], ['batch_output', 'batch_result', 2])
    const seen = echo.seen.slice(before)
    assert.deepEqual(
      [...new Set(seen.map((context) => `${context.class} ${context.workspace} ${context.key}`))],
      ['batch default key_use'],
    )
    assert.equal(new Set(seen.map(({ requestId }) => requestId)).size, 2)
  })

  test('a job of Mistral takes requests or files, names no model in its lines, and gives results inline', async () => {
    const requests = [
      { custom_id: '0', body: { messages: [{ role: 'user', content: 'zero' }] } },
      { custom_id: '1', body: { messages: [] } },
      { body: { messages: [{ role: 'user', content: 'nameless' }], max_tokens: 1 } },
    ]
    const job = (extra: object) =>
      send(server, '/v1/batch/jobs', { body: { endpoint: '/v1/chat/completions', model: 'echo', ...extra } })
    const created = (await job({ requests, metadata: { run: '7' }, timeout_hours: 2 })).json()
    assert.deepEqual([created.object, created.status, created.input_files, created.errors], ['batch', 'QUEUED', [], []])
    const finished = (body: Line) => /^(SUCCESS|FAILED|CANCELLED|TIMEOUT_EXCEEDED)$/.test(String(body['status']))
    const done = await until(`/v1/batch/jobs/${created.id}?inline=true`, finished)
    assert.deepEqual(
      [done.status, done.total_requests, done.completed_requests, done.succeeded_requests, done.failed_requests],
      ['SUCCESS', 3, 3, 2, 1],
    )
    assert.deepEqual(
      done.outputs.map((output: Line) => output['custom_id']),
      ['0', null, '1'],
    )
    assert.deepEqual(done.errors, [{ message: '"messages" is not valid: it is empty.', count: 1 }])
    assert.equal((await send(server, `/v1/batch/jobs/${created.id}`)).json().outputs, null)
    const files = [
      await input(jsonl(requests.slice(0, 1))),
      await input(jsonl([{ custom_id: 'x', body: chatBody('x') }])),
    ]
    const second = (await job({ input_files: files })).json()
    assert.equal((await until(`/v1/batch/jobs/${second.id}`, finished)).succeeded_requests, 2)
    const list = async (query: string) =>
      (await send(server, `/v1/batch/jobs?${query}`)).json().data.map((one: Line) => one['id'])
    assert.deepEqual((await list('model=echo&page_size=2')).sort(), [created.id, second.id].sort())
    assert.deepEqual(await list('run=7'), [created.id])
    assert.deepEqual(await list('run=8'), [])
    assert.deepEqual((await list('order_by=created&model=echo'))[0], created.id)
    assert.deepEqual(await list('status=RUNNING&status=FAILED&model=echo'), [])
    assert.deepEqual(await list('created_after=2999-01-01T00:00:00Z'), [])
    assert.deepEqual((await list('created_by_me=true&model=echo')).length, 2)
    assert.equal((await send(server, '/v1/batch/jobs?created_after=soon')).json().param, 'created_after')
    assert.deepEqual((await send(server, `/v1/batch/jobs/${second.id}`, { method: 'DELETE' })).json(), {
      id: second.id,
      object: 'batch',
      deleted: true,
    })
    assert.equal((await send(server, `/v1/batch/jobs/${second.id}`)).status, 404)
  })

  test('of several input files each counts its own lines, and faults name the file', async () => {
    const first = await input(jsonl([line('a'), line('b')]))
    const second = await input(jsonl([line('c'), line('b'), line('d', { body: { model: 'none' } })]))
    const job = { endpoint: '/v1/chat/completions', input_files: [first, second] }
    const { id } = (await send(server, '/v1/batch/jobs', { body: job })).json()
    const failed = await until(`/v1/batch/jobs/${id}`, ({ status }) => status === 'FAILED')
    assert.deepEqual(failed.errors.map(({ message }: { message: string }) => message).sort(), [
      `Line 2: The custom_id "b" is also that of line 2 of ${first}. It is a line of ${second}.`,
      `Line 3: There is no model "none" here. GET /v1/models lists what this server has. It is a line of ${second}.`,
    ])
  })

  test('what is answered of a file that its owner alone sees, its owner alone sees', async () => {
    const { body } = await upload(server, {
      ...{
        purpose: 'batch',
        visibility: 'user',
        file: ['own.jsonl', jsonl([line('secret'), line('bad', { body: {} })])],
      },
    })
    const other = { authorization: `Bearer ${adminKey}` }
    const job = { endpoint: '/v1/chat/completions', model: 'echo', input_files: [body.id] }
    const { id } = (await send(server, '/v1/batch/jobs', { body: job })).json()
    const path = `/v1/batch/jobs/${id}?inline=true`
    const done = await until(path, ({ status }) => status === 'SUCCESS')
    assert.equal(done.outputs.length, 2)
    for (const file of [done.output_file, done.error_file]) {
      assert.equal((await send(server, `/v1/files/${file}`)).json().visibility, 'user')
      assert.equal((await send(server, `/v1/files/${file}/content`, { headers: other })).status, 404)
    }
    const seen = await send(server, path, { headers: other })
    assert.deepEqual([seen.status, seen.json().outputs], [200, []])
    assert.ok(!seen.text.includes('secret'))
  })

  test('every endpoint that batches serve answers as the live one', async () => {
    const bodies: Record<string, Line> = {
      '/v1/completions': { model: 'echo', prompt: ['one two', 'three'], echo: true, max_tokens: 5 },
      '/v1/fim/completions': { model: 'echo', prompt: 'a ', suffix: 'b' },
      '/v1/embeddings': { model: 'echo', input: ['x', 'y'] },
      '/v1/responses': { model: 'echo', input: [{ role: 'user', content: 'hello there' }] },
    }
    for (const [url, body] of Object.entries(bodies)) {
      const live = (await send(server, url, { body })).json()
      const created = (await create(await input(jsonl([line('a', { url, body })])), { endpoint: url })).json()
      const done = await until(`/v1/batches/${created.id}`, ended)
      assert.equal(done.request_counts.completed, 1, url)
      const [result] = (await results(done.output_file_id)) as { response: { body: Line } }[]
      const bare = ({ id, created: _, created_at, completed_at, output, ...rest }: Line) => ({
        ...rest,
        output: JSON.stringify(output)?.replace(/"id":"\w+"/g, ''),
      })
      assert.deepEqual(bare(result?.response.body ?? {}), bare(live), url)
    }
  })

  test('lines with faults fail the batch before any runs, each named by its number', async () => {
    const faults = async (content: string, extra: object = {}) => {
      const before = echo.seen.length
      const done = await until(`/v1/batches/${(await create(await input(content), extra)).json().id}`, ended)
      assert.deepEqual([done.status, done.output_file_id, done.error_file_id], ['failed', null, null])
      assert.equal(echo.seen.length, before)
      return done.errors.data.map(({ code, line: number, param }: Line) => [code, number, param])
    }
    const good = Array.from({ length: 6 }, (_, index) => line(`g${index}`))
    assert.deepEqual(await faults(jsonl([...good, line('u', { body: chatBody('x', { model: 'none' }) }), line('v')])), [
      ['model_not_found', 7, 'body.model'],
    ])
    assert.deepEqual(await faults(`${jsonl(good)}\n\n${jsonl([line('g2'), line('g5')])}`), [
      ['duplicate_custom_id', 9, 'custom_id'],
      ['duplicate_custom_id', 10, 'custom_id'],
    ])
    const many = Array.from({ length: 1_200 }, (_, index) => line(`m${index}`))
    assert.deepEqual(await faults(jsonl([...many, line('m3')])), [['duplicate_custom_id', 1201, 'custom_id']])
    assert.deepEqual(
      await faults(
        jsonl([
          line('a', { custom_id: undefined }),
          line('b', { custom_id: 'x\u0000' }),
          line('c', { method: 'GET' }),
          line('d', { url: '/v1/embeddings' }),
          line('e', { body: 'text' }),
          line('f', { body: chatBody('x', { model: 7 }) }),
          line('g', { url: undefined }),
          line('h', { custom_id: 'half a \ud83d' }),
        ]),
      ),
      [
        ['missing_required_parameter', 1, 'custom_id'],
        ['invalid_custom_id', 2, 'custom_id'],
        ['invalid_method', 3, 'method'],
        ['mismatched_url', 4, 'url'],
        ['invalid_request', 5, 'body'],
        ['invalid_request', 6, 'body.model'],
        ['missing_required_parameter', 7, 'url'],
        ['invalid_custom_id', 8, 'custom_id'],
      ],
    )
    const wrong = Array.from({ length: 200 }, (_, index) => line(`w${index}`, { method: 'PUT' }))
    assert.equal((await faults(jsonl(wrong))).length, 50)
    for (const [body, param] of [
      [{ endpoint: '/v1/files' }, 'endpoint'],
      [{ completion_window: '1d' }, 'completion_window'],
      [{ completion_window: '169h' }, 'completion_window'],
      [{ metadata: { a: 1 } }, 'metadata.a'],
      [{ metadata: { a: '\u0000' } }, 'metadata.a'],
    ] as const) {
      const refused = await create(await input(jsonl(good)), body)
      assert.deepEqual([refused.status, refused.json().param], [400, param])
    }
    const ocr = await upload(server, { purpose: 'ocr', file: ['a.pdf', 'x'] })
    assert.equal((await create(ocr.body.id)).json().param, 'input_file_id')
    assert.equal((await create('file_none')).status, 404)
    const secret = await upload(
      server,
      { purpose: 'batch', visibility: 'user', file: ['a.jsonl', jsonl(good)] },
      { key: adminKey },
    )
    assert.equal((await create(secret.body.id)).status, 404)
    const job = await send(server, '/v1/batch/jobs', {
      body: { endpoint: '/v1/chat/completions', model: 'none', requests: [{ body: {} }] },
    })
    assert.equal(job.status, 404)
    const both = await send(server, '/v1/batch/jobs', { body: { endpoint: '/v1/chat/completions' } })
    assert.equal(both.json().param, 'input_files')
  })

  const slowLines = (count: number) =>
    jsonl(
      Array.from({ length: count }, (_, index) =>
        line(`s${index}`, { body: { ...chatBody('one two three four five'), model: 'slow' } }),
      ),
    )

  test('a cancelled batch keeps what was answered and says so of the rest', async () => {
    const created = (await create(await input(slowLines(40)))).json()
    await until(`/v1/batches/${created.id}`, (body) => (body['request_counts'] as { completed: number }).completed >= 3)
    const cancelling = (await send(server, `/v1/batches/${created.id}/cancel`, { method: 'POST' })).json()
    assert.match(cancelling.status, /^cancell(ing|ed)$/)
    const done = await until(`/v1/batches/${created.id}`, ended)
    assert.equal(done.status, 'cancelled')
    const outputs = await results(done.output_file_id)
    const errors = await results(done.error_file_id)
    assert.equal(outputs.length, done.request_counts.completed)
    assert.equal(new Set([...outputs, ...errors].map((one) => one['custom_id'])).size, 40)
    assert.deepEqual((errors[0]?.['error'] as Line | undefined)?.['code'], 'batch_cancelled')
    assert.equal(
      (await send(server, `/v1/batches/${created.id}/cancel`, { method: 'POST' })).json().status,
      'cancelled',
    )
  })

  test('a batch whose key is revoked has nothing done any more; one whose key was replaced goes on under the successor', async () => {
    const { query } = get().database
    const created = (await create(await input(slowLines(400)))).json()
    await until(`/v1/batches/${created.id}`, (body) => (body['request_counts'] as { completed: number }).completed >= 1)
    const { key } = await query
      .selectFrom('batches')
      .select('key')
      .where('id', '=', created.id)
      .executeTakeFirstOrThrow()
    // The keys of this server are in no table: these say what became of them.
    const row = (id: string, revoked_at: number | null, replaced_by: string | null) => ({
      ...({ id, workspace: 'default', name: id, role: 'member', reach: 'workspace', hash: id, hint: 'xxxx' } as const),
      ...{ user_id: null, service_account: null, models: null, endpoints: null, ip_ranges: null, replaced_by },
      ...({ origin: 'generated', created_at: 1, expires_at: null, revoked_at, last_used_at: null } as const),
    })
    try {
      await query
        .insertInto('keys')
        .values([row(key, 2, 'key_next'), row('key_next', null, null)])
        .execute()
      await delay(1_500)
      assert.equal((await send(server, `/v1/batches/${created.id}`)).json().status, 'in_progress')
      await query.updateTable('keys').set({ revoked_at: 3 }).where('id', '=', 'key_next').execute()
      const done = await until(`/v1/batches/${created.id}`, ended)
      assert.equal(done.status, 'cancelled')
      assert.ok(done.request_counts.completed < 400)
      // What waits in line when its key goes is not begun.
      const late = (await create(await input(jsonl([line('late')])))).json()
      const never = await until(`/v1/batches/${late.id}`, ended)
      assert.deepEqual([never.status, never.request_counts.completed], ['cancelled', 0])
    } finally {
      await query.deleteFrom('keys').execute()
    }
  })

  test('a batch whose time is over has expired, with partial results; its input may have been deleted long before', async () => {
    const fileId = await input(slowLines(40))
    const created = (await create(fileId, { output_expires_after: { anchor: 'created_at', seconds: 3600 } })).json()
    await send(server, `/v1/files/${fileId}`, { method: 'DELETE' })
    await until(`/v1/batches/${created.id}`, (body) => (body['request_counts'] as { completed: number }).completed >= 3)
    clock.offset += 25 * 3_600_000
    const done = await until(`/v1/batches/${created.id}`, ended)
    assert.equal(done.status, 'expired')
    const errors = await results(done.error_file_id)
    assert.ok(errors.every((one) => (one['error'] as Line)['code'] === 'batch_expired'))
    assert.equal((await results(done.output_file_id)).length + errors.length, 40)
    const file = (await send(server, `/v1/files/${done.output_file_id}`)).json()
    assert.ok(file.expires_at > 0)
  })

  test('a running job that is deleted is gone at once, and leaves no lines', async () => {
    const created = (await create(await input(slowLines(20)))).json()
    await until(`/v1/batches/${created.id}`, (body) => body['status'] === 'in_progress')
    await send(server, `/v1/batch/jobs/${created.id}`, { method: 'DELETE' })
    assert.equal((await send(server, `/v1/batches/${created.id}`)).status, 404)
    const { query } = get().database
    const rows = () => query.selectFrom('batches').select('id').where('id', '=', created.id).execute()
    while ((await rows()).length > 0) await delay(10)
    assert.deepEqual(
      await query.selectFrom('batch_lines').select('number').where('batch', '=', created.id).execute(),
      [],
    )
  })

  test('lists page by cursor, and another workspace sees nothing', async () => {
    const page = (await send(server, '/v1/batches?limit=2')).json()
    assert.deepEqual([page.data.length, page.has_more], [2, true])
    const next = (await send(server, `/v1/batches?limit=2&after=${page.last_id}`)).json()
    assert.ok(next.data[0].id < page.last_id)
    assert.equal((await send(server, '/v1/batches/batch_none')).status, 404)
    for (const path of [
      '/v1/batches/%00',
      '/v1/batches?after=%00',
      '/v1/batch/jobs?who=%00',
      '/v1/batch/jobs?model=%00',
    ]) {
      assert.equal((await send(server, path)).status, 400, path)
    }
  })
})

describeOnServers('batches whose lines name stored prompts', (get) => {
  let server: FilesServer
  let echo: EchoModel
  let prompts: Prompts
  before(async () => {
    prompts = openPrompts(get().database, systemClock)
    echo = createEchoModel()
    server = await startFilesServer(get().database, { models: [echo], prompts })
  })
  after(async () => {
    await server.stop()
    await prompts.close()
  })

  test('a line is answered with the prompt filled in, and its call names the version', async () => {
    const definition = { content: 'Speak like {{ who }}.' }
    assert.equal((await send(server, '/v2/prompts', { body: { name: 'tone', definition } })).status, 200)
    const prompt = { id: 'tone', variables: { who: 'a pirate' } }
    const lines = [
      line('one', { body: chatBody('hello', { prompt }) }),
      line('two', { body: chatBody('hello', { prompt: { id: 'none' } }) }),
    ]
    const file = await upload(server, { purpose: 'batch', file: ['in.jsonl', jsonl(lines)] })
    const body = { input_file_id: file.body.id, endpoint: '/v1/chat/completions', completion_window: '24h' }
    const { id } = (await send(server, '/v1/batches', { body })).json()
    let batch: Line = {}
    while (batch['status'] !== 'completed') {
      batch = (await send(server, `/v1/batches/${id}`)).json()
      await delay(20)
    }
    const read = async (name: string) => JSON.parse((await send(server, `/v1/files/${batch[name]}/content`)).text)
    const answered = await read('output_file_id')
    // The words of the prompt and of the question.
    assert.equal(answered.response.body.usage.prompt_tokens, 5)
    assert.deepEqual(echo.seen[0]?.labels?.prompt, { name: 'tone', version: 1 })
    assert.match(JSON.stringify(await read('error_file_id')), /no prompt/)
  })
})
