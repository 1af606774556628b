// What a call leaves behind when the official client makes it: one row, whatever the door and however it ends.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import OpenAI from 'openai-7'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { type RunningServer, startServer, testKey } from '../../../test/support/server.ts'
import { until } from '../../../test/support/until.ts'
import { createLog } from '../../base/log.ts'
import { connect, type Database } from '../../database/connect.ts'
import { createPriceBook } from '../prices/book.ts'
import { identified } from '../prices/row-id.ts'
import { createUsageWriter, type UsageWriter } from './writer.ts'

const prices = createPriceBook({ currency: 'EUR' })
const price = identified({
  ...{ provider: 'local', model: 'echo', currency: 'EUR', from: null, tiers: [] },
  ...{ input: 1_000_000_000, cached: 0, output: 10_000_000_000, source: 'test', sourcedOn: '2026-11-23' },
})
prices.replace({ rows: [price], rates: [] })

describe('usage of calls', () => {
  let [database, writer, running, keeping] = [] as unknown as [Database, UsageWriter, RunningServer, Set<string>]
  before(async () => {
    database = await connect('sqlite::memory:')
    writer = createUsageWriter({ database, log: createLog({ level: 'silent' }) })
    keeping = new Set()
    const models = [
      createEchoModel({ name: 'echo', aliases: ['alias'] }),
      createEchoModel({ name: 'slow', tokenMs: 30 }),
      createEchoModel({ name: 'broken', failAfter: 2 }),
    ]
    const usage = { writer, prices, keepsContent: (workspace: string) => keeping.has(workspace) }
    running = await startServer(models, { usage })
  })
  after(async () => {
    await running.stop()
    await writer.stop()
    await database.close()
  })
  const client = () => new OpenAI({ baseURL: `${running.url}/v1`, apiKey: testKey, maxRetries: 0 })
  const question = (model: string, content = 'one two three') => ({
    model,
    messages: [{ role: 'user' as const, content }],
  })
  const rowsOf = async (requestId: string) => {
    await writer.flush()
    const rows = await database.query.selectFrom('usage').selectAll().where('request_id', '=', requestId).execute()
    return rows.map((row) => ({ ...row }))
  }

  test('an answer is charged by the price of the model’s own name', async () => {
    const answer = await client().chat.completions.create({ ...question('alias'), user: 'person-7' })
    const [row, ...others] = await rowsOf(answer._request_id ?? '')
    assert.deepEqual(others, [])
    const { prompt_tokens, completion_tokens } = answer.usage ?? assert.fail('no usage')
    assert.equal(row?.cost, prompt_tokens * 1000 + completion_tokens * 10_000)
    const { model, price: charged, currency, status, finish_reason, operation, estimated } = row ?? {}
    assert.deepEqual(
      { model, charged, currency, status, finish_reason, operation, estimated },
      ...[
        {
          model: 'echo',
          charged: price.id,
          currency: 'EUR',
          status: 'ok',
          finish_reason: 'stop',
          operation: 'chat',
          estimated: 0,
        },
      ],
    )
    assert.deepEqual([row?.prompt_tokens, row?.completion_tokens], [prompt_tokens, completion_tokens])
    assert.deepEqual(
      [row?.workspace, row?.key_id, row?.end_user, row?.provider],
      ['default', 'key_use', 'person-7', 'local'],
    )
    assert.equal(await database.query.selectFrom('usage_contents').selectAll().executeTakeFirst(), undefined)
  })

  test('a stream is counted before its end is seen', async () => {
    const stream = client().chat.completions.stream({ ...question('echo'), stream_options: { include_usage: true } })
    const { usage } = await stream.finalChatCompletion()
    await writer.flush()
    const row = await database.query.selectFrom('usage').selectAll().orderBy('id', 'desc').executeTakeFirst()
    assert.deepEqual(
      [row?.prompt_tokens, row?.completion_tokens, row?.status],
      [usage?.prompt_tokens, usage?.completion_tokens, 'ok'],
    )
    assert.ok(row !== undefined && row.first_token_ms !== null && row.first_token_ms <= row.duration_ms)
  })

  test('a list of prompts is a row each, under one request', async () => {
    const answer = await client().completions.create({ model: 'echo', prompt: ['a b', 'c d e'] })
    const rows = await rowsOf(answer._request_id ?? '')
    assert.equal(rows.length, 2)
    assert.equal(
      rows.reduce((sum, row) => sum + row.prompt_tokens, 0),
      answer.usage?.prompt_tokens,
    )
  })

  test('embeddings count their prompt', async () => {
    const answer = await client().embeddings.create({ model: 'echo', input: 'one two' })
    const [row] = await rowsOf(answer._request_id ?? '')
    assert.deepEqual([row?.operation, row?.prompt_tokens, row?.cost], ['embed', answer.usage.prompt_tokens, 2000])
  })

  test('a client that leaves is charged for what it saw, marked as estimated', async () => {
    const controller = new AbortController()
    const words = Array.from({ length: 200 }, (_, index) => `w${index}`).join(' ')
    const stream = await client().chat.completions.create(
      { ...question('slow', words), stream: true },
      { signal: controller.signal },
    )
    let seen = 0
    for await (const _ of stream) if (++seen === 4) controller.abort()
    const row = await until('the call is counted', async () => {
      await writer.flush()
      return database.query.selectFrom('usage').selectAll().where('model', '=', 'slow').executeTakeFirst()
    })
    assert.deepEqual([row.status, row.estimated], ['abandoned', 1])
    assert.ok(row.completion_tokens >= 2 && row.completion_tokens < 200)
  })

  test('an answer that breaks and a prompt that is refused leave rows with their errors', async () => {
    await assert.rejects(client().chat.completions.create(question('broken')))
    await assert.rejects(client().chat.completions.create(question('echo', 'word '.repeat(5000))))
    await writer.flush()
    const rows = await database.query
      .selectFrom('usage')
      .select(['model', 'status', 'cost', 'completion_tokens', 'prompt_tokens'])
      .where('status', 'not in', ['ok', 'abandoned'])
      .orderBy('id')
      .execute()
    assert.deepEqual(
      rows.map(({ model, status, completion_tokens }) => [model, status, completion_tokens]),
      [
        ['broken', 'engine_failed', 2],
        ['echo', 'context_length_exceeded', 0],
      ],
    )
    assert.deepEqual([rows[1]?.cost, rows[1]?.prompt_tokens], [0, 0])
  })

  test('what is said is kept only where the workspace asks', async () => {
    keeping.add('default')
    const answer = await client().chat.completions.create(question('echo', 'a secret'))
    keeping.clear()
    const [row] = await rowsOf(answer._request_id ?? '')
    const kept = await database.query.selectFrom('usage_contents').selectAll().execute()
    assert.deepEqual(
      kept.map(({ id }) => id),
      [row?.id],
    )
    assert.match(kept[0]?.input ?? '', /a secret/)
    assert.match(kept[0]?.output ?? '', new RegExp(answer.choices[0]?.message.content?.trim() ?? 'missing'))
    assert.ok(!JSON.stringify(running.lines).includes('a secret'))
  })
})
