// Rows and their sums: each call once, in one transaction, from any number of nodes, never shed while the database is away.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { describeOnDatabases, needsSessions } from '../../../test/support/databases.ts'
import { rowsPrice as price, usageRow as row, rowsStart as start } from '../../../test/support/usage-rows.ts'
import { createLog } from '../../base/log.ts'
import { connect, type Database } from '../../database/connect.ts'
import { createUsageWriter } from './writer.ts'

const log = createLog({ level: 'silent' })
const widths = [60_000, 3_600_000, 86_400_000]

/** Sums of the rows and of each width, which must be equal. */
async function totals({ query }: Database) {
  const amounts = sql<number>`coalesce(sum(cost), 0)`.as('cost')
  const tokens = sql<number>`coalesce(sum(prompt_tokens + completion_tokens), 0)`.as('tokens')
  const fromRows = await query
    .selectFrom('usage')
    .select([sql<number>`count(*)`.as('calls'), amounts, tokens])
    .executeTakeFirstOrThrow()
  const fromSums = await query
    .selectFrom('usage_sums')
    .select(['width', sql<number>`sum(requests)`.as('calls'), amounts, tokens])
    .groupBy('width')
    .orderBy('width')
    .execute()
  const numbers = (total: object) =>
    Object.fromEntries(Object.entries(total).map(([name, value]) => [name, Number(value)]))
  return { rows: numbers(fromRows), sums: fromSums.map(numbers) }
}

async function assertSumsMatch(database: Database): Promise<void> {
  const { rows, sums } = await totals(database)
  assert.deepEqual(
    sums,
    widths.map((width) => ({ width, ...rows })),
  )
}

describeOnDatabases('usage writer', (get) => {
  test('writes rows with their price, and sums per minute, hour and day', async () => {
    const { database } = get()
    const writer = createUsageWriter({ database, log })
    for (const facts of [{}, { at: start + 1500 }, { at: start + 2000, status: 'engine_failed', firstTokenMs: null }]) {
      writer.admit().record({ row: row(facts) })
    }
    writer.admit().record({ row: row({ key: 'key_2', class: 'batch', price: null, cost: 0, estimated: true }) })
    assert.equal(writer.waiting(), 4)
    await writer.stop()
    assert.equal(writer.waiting(), 0)
    await assertSumsMatch(database)
    const minutes = await database.query
      .selectFrom('usage_sums')
      .select(['start', 'key_id', 'class', 'requests', 'errors', 'estimated', 'cost', 'first_token_ms', 'first_tokens'])
      .where('width', '=', 60_000)
      .orderBy('start')
      .orderBy('key_id')
      .execute()
    const minute = start - (start % 60_000)
    const usual = { class: 'interactive', errors: 0, estimated: 0 }
    assert.deepEqual(
      minutes.map((sum) => ({ ...sum })),
      [
        { ...usual, start: minute, key_id: 'key_1', requests: 2, cost: 32_800, first_token_ms: 40, first_tokens: 2 },
        ...[{ ...usual, start: minute, key_id: 'key_2', class: 'batch', requests: 1, estimated: 1 }].map((sum) => ({
          ...sum,
          ...{ cost: 0, first_token_ms: 20, first_tokens: 1 },
        })),
        {
          ...usual,
          start: start + 2000,
          key_id: 'key_1',
          requests: 1,
          errors: 1,
          cost: 16_400,
          first_token_ms: 0,
          first_tokens: 0,
        },
      ],
    )
    const kept = await database.query.selectFrom('prices').selectAll().where('id', '=', price.id).executeTakeFirst()
    assert.deepEqual([kept?.model, kept?.output], ['tiny', 2_000_000_000])
  })

  test('a call counts once, however often it is handed in', async () => {
    const { database } = get()
    const writer = createUsageWriter({ database, log })
    const [one, other] = [row({ id: 'call_once' }), row({ id: 'call_other' })]
    writer.admit().record({ row: one })
    writer.admit().record({ row: one })
    await writer.flush()
    await writer.write([{ row: { ...one, cost: 99, estimated: true } }, { row: other }])
    await writer.stop()
    const rows = await database.query
      .selectFrom('usage')
      .select(['id', 'cost'])
      .where('id', 'like', 'call_o%')
      .execute()
    assert.deepEqual(rows.map(({ id, cost }) => [id, cost]).sort(), [
      ['call_once', 16_400],
      ['call_other', 16_400],
    ])
    await assertSumsMatch(database)
  })

  test('what was counted takes the place of an estimate, once, and never the other way round', async () => {
    const { database } = get()
    const writer = createUsageWriter({ database, log })
    const estimate = row({ id: 'call_asleep', completionTokens: 500, cost: 9_000_000, estimated: true, ranOn: null })
    const counted = row({ id: 'call_asleep', key: 'key_1' })
    const cost = async () => {
      const found = await database.query.selectFrom('usage').selectAll().where('id', '=', 'call_asleep').execute()
      return found.map((one) => [one.cost, one.estimated])
    }
    await writer.write([{ row: estimate }])
    assert.deepEqual(await cost(), [[9_000_000, 1]])
    await assertSumsMatch(database)
    for (const again of [counted, counted, estimate]) {
      await writer.write([{ row: again }])
      assert.deepEqual(await cost(), [[16_400, 0]])
      await assertSumsMatch(database)
    }
    await writer.stop()
  })

  test('many writers at once, and every number adds up', async (context) => {
    if (needsSessions(context, get())) return
    const { database, url } = get()
    const others = await Promise.all([connect(url), connect(url), connect(url)])
    const before = await totals(database)
    await Promise.all(
      [database, ...others].map(async (connection, node) => {
        const writer = createUsageWriter({ database: connection, log, gatherMs: 1 })
        for (let call = 0; call < 1500; call++) {
          const facts = {
            key: `key_${call % 7}`,
            model: `model-${call % 3}`,
            at: start + call * 97,
            cost: call * 31 + node,
          }
          writer
            .admit()
            .record({ row: row({ id: `call_${node}_${call}`, ...facts, workspace: `w${(call + node) % 2}` }) })
          if (call % 100 === 0) await delay(1)
        }
        await writer.stop()
      }),
    )
    await Promise.all(others.map((other) => other.close()))
    const after = await totals(database)
    assert.equal((after.rows['calls'] ?? 0) - (before.rows['calls'] ?? 0), 6000)
    await assertSumsMatch(database)
  })

  test('while the database is away no call is admitted; it recovers by itself and nothing is lost', async () => {
    const { database } = get()
    const writer = createUsageWriter({ database, log, retryMs: 20 })
    const running = writer.admit()
    // The tables are really gone: every write fails on the server.
    await sql`alter table usage_sums rename to usage_sums_away`.execute(database.query)
    const before = await database.query.selectFrom('usage').select('id').execute()
    writer.admit().record({ row: row({ id: 'call_away_1' }) })
    await assert.rejects(writer.flush())
    assert.throws(() => writer.admit(), { code: 'database_unavailable' })
    // A call that had begun still hands in its row.
    running.record({ row: row({ id: 'call_away_2' }) })
    await delay(50)
    assert.equal(writer.waiting(), 2)
    assert.deepEqual(await database.query.selectFrom('usage').select('id').execute(), before)
    await sql`alter table usage_sums_away rename to usage_sums`.execute(database.query)
    while (writer.waiting() > 0) await delay(5)
    writer.admit().free()
    await writer.stop()
    await assertSumsMatch(database)
  })

  test('content is written with its row', async () => {
    const { database } = get()
    const content = { input: '{"prompt":"a"}', output: '[{"text":"b"}]' }
    const writer = createUsageWriter({ database, log })
    await writer.write([{ row: row({ id: 'call_content' }), content }])
    const rows = await database.query.selectFrom('usage_contents').select(['id', 'input', 'output']).execute()
    assert.deepEqual(
      rows.map((one) => ({ ...one })),
      [{ id: 'call_content', ...content }],
    )
    await assertSumsMatch(database)
  })
})

describe('usage writer', () => {
  test('has so many places, and takes one back', async () => {
    const database = await connect('sqlite::memory:')
    const writer = createUsageWriter({ database, log, places: 2 })
    const [one] = [writer.admit(), writer.admit()]
    assert.throws(() => writer.admit(), { code: 'database_unavailable' })
    one?.free()
    one?.free()
    const again = writer.admit()
    assert.throws(() => writer.admit(), { code: 'database_unavailable' })
    again.record({ row: row() })
    assert.throws(() => writer.admit(), { code: 'database_unavailable' })
    await writer.flush()
    writer.admit().free()
    await writer.stop()
    await database.close()
  })
})
