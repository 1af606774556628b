// `galerne usage`, `prices` and `reprice` against a running server, as people and programs read them.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { connect, type Database } from '../../src/database/connect.ts'
import { type AccountingServer, startAccounting } from '../support/accounting.ts'
import { adminKey } from '../support/server.ts'
import { usageRow, writeRows } from '../support/usage-rows.ts'

const launcher = fileURLToPath(new URL('../../bin/galerne.js', import.meta.url))
const run = promisify(execFile)

describe('galerne usage, prices and reprice', () => {
  let [database, server] = [] as unknown as [Database, AccountingServer]
  before(async () => {
    database = await connect('sqlite::memory:')
    server = await startAccounting(database)
    await writeRows(database, [
      usageRow(),
      usageRow({ model: 'echo', cost: 0, price: null }),
      usageRow({ class: 'batch', key: 'key_2' }),
    ])
  })
  after(async () => {
    await server.stop()
    await database.close()
  })
  const galerne = async (...args: readonly string[]) => {
    const { stdout } = await run(process.execPath, [launcher, ...args, '--url', server.url, '--api-key', adminKey])
    return stdout
  }
  const november = ['--from', '2026-11-01', '--to', '2026-12-01'] as const

  test('a table for people, JSON for programs, CSV for spreadsheets', async () => {
    const shown = await galerne('usage', ...november, '--by', 'model', '--by', 'class')
    assert.match(shown, /^from +model +class +calls +errors +in +cached +out +cost$/m)
    assert.match(shown, /^2026-11-23 +tiny +batch +1 +0 +10 +4 +5 +0\.0000164 USD$/m)
    const { data } = JSON.parse(await galerne('usage', ...november, '--width', 'total', '--json'))
    assert.deepEqual([data.length, data[0].requests, data[0].cost_nano], [1, 3, 32_800])
    assert.match(
      await galerne('usage', ...november, '--key', 'key_2', '--csv'),
      /^start,requests,.*\r\n2026-11-23T00:00:00.000Z,1,/,
    )
    assert.match(await galerne('usage', ...november, '--model', 'none'), /Nothing was called/)
  })

  test('a price is set, the plan says what repricing would do, and then it is done', async () => {
    assert.match(
      await galerne('prices', 'set', 'echo', '1', '2', '--cached', '0.1'),
      /echo costs 1 in, 0\.1 cached, 2 out, USD per million tokens/,
    )
    assert.match(await galerne('prices', 'list'), /^echo +1, 0\.1, 2 USD/m)
    const plan = await galerne('reprice', ...november, '--model', 'echo', '--plan')
    assert.match(plan, /^echo +1 +1 +0 USD +0\.0000164 USD +0\.0000164 USD$/m)
    const cost = async () => JSON.parse(await galerne('usage', ...november, '--model', 'echo', '--json')).data[0].cost
    assert.equal(await cost(), '0')
    await galerne('reprice', ...november, '--model', 'echo')
    assert.equal(await cost(), '0.0000164')
  })

  test('limits and budgets are set by numbers alone: a slip of the finger takes none away', async () => {
    await galerne('limits', 'set', '--requests-per-minute', '7')
    for (const slip of ['1O', '', 'NaN', '1e999']) {
      for (const args of [
        ['limits', 'set', '--requests-per-minute', slip],
        ['budget', 'set', slip],
      ]) {
        const { code, stderr } = await galerne(...args).then(
          () => ({ code: 0, stderr: '' }),
          (error: { code: number; stderr: string }) => error,
        )
        assert.equal(code, 1, args.join(' '))
        assert.match(stderr, /"(requests_per_minute|amount)" is not valid: it must be a number/)
      }
    }
    const { limits } = JSON.parse(await galerne('limits', '--json'))
    assert.deepEqual([limits.length, limits[0].requests_per_minute], [1, 7])
    assert.match(await galerne('budget'), /There are no budgets/)
    await galerne('limits', 'set', '--requests-per-minute', 'none')
    assert.equal(JSON.parse(await galerne('limits', '--json')).limits[0].requests_per_minute, null)
  })

  test('estimates are ended, and a person is forgotten', async () => {
    assert.match(await galerne('usage', 'reconcile'), /^0 reconciled, 0 released, 0 still charged as reserved\.$/m)
    const report = JSON.parse(await galerne('usage', 'reconcile', '--release', '--json'))
    assert.deepEqual(report, { object: 'usage.reconciled', reconciled: 0, released: 0, left: 0 })
    await writeRows(database, [usageRow({ endUser: 'customer 7' })])
    assert.match(await galerne('members', 'forget', 'customer 7'), /^calls without a name +1$/m)
    assert.equal(JSON.parse(await galerne('members', 'forget', 'customer 7', '--json')).calls, 0)
  })

  test('prices from a machine and exchange rates; what is wrong is said', async () => {
    const machine = [
      'prices',
      'from-machine',
      'own',
      '--hardware',
      '1.8',
      '--watts',
      '500',
      '--electricity',
      '0.4',
      '--plan',
    ]
    assert.match(
      await galerne(...machine, '--input-speed', '4000', '--output-speed', '500'),
      /own costs 0\.138888889 in, 0 cached, 1\.111111111 out, USD per million tokens/,
    )
    await assert.rejects(galerne(...machine), /give its throughput/)
    assert.match(
      await galerne('prices', 'exchange', '0.86', '--from', '2026-11-01', '--source', 'ECB'),
      /1 USD is 0\.86 EUR from 2026-11-01 on/,
    )
    await assert.rejects(galerne('usage', '--from', '2026-02-30'), /there is no 2026-02-30/)
    await assert.rejects(galerne('prices', 'remove', 'price_none'), /no price/)
  })
})
