// A budget over two server processes on one PostgreSQL behind one address: exact, and still right when one of them is killed half-way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../src/database/connect.ts'
import { emptyPostgres, withoutPostgres } from '../support/databases.ts'
import { type Nodes, startNodes } from '../support/nodes.ts'

// A call that is dear: nothing is cached for less, and every answer has the same length.
const question = { model: 'tiny', max_tokens: 4, min_tokens: 4, messages: [{ role: 'user', content: 'hi' }] }

async function call(nodes: Pick<Nodes, 'url' | 'key'>, path: string, body: object) {
  const headers = { authorization: `Bearer ${nodes.key}`, 'content-type': 'application/json' }
  const response = await fetch(nodes.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: response.status, body: await response.json() }
}

/** Asks many times at once; a connection that broke counts as `broken`. */
async function askAll(nodes: Nodes, count: number, onAnswer: (answered: number) => void) {
  const counts = { answered: 0, refused: 0, broken: 0 }
  const one = async () => {
    const { status, body } = await call(nodes, '/v1/chat/completions', question)
    if (status === 200) onAnswer(++counts.answered)
    else if (status === 429 && body.error.code === 'insufficient_quota') counts.refused += 1
    else counts.broken += 1
  }
  const results = await Promise.allSettled(Array.from({ length: count }, one))
  counts.broken += results.filter(({ status }) => status === 'rejected').length
  return counts
}

test('200 parallel calls against a budget for 50 over two nodes, and with one killed half-way', {
  skip: withoutPostgres,
}, async () => {
  const place = await emptyPostgres()
  const nodes = await startNodes(place.url)
  const database = await connect(place.url)
  const { query } = database
  let watching = true
  try {
    const price = { model: 'tiny', input: 1, cached: 1, output: 2, source: 'a test' }
    assert.equal((await call(nodes, '/galerne/v1/prices', price)).status, 200)
    const { body } = await call(nodes, '/v1/chat/completions', question)
    const cost = body.usage.prompt_tokens * 1000 + body.usage.completion_tokens * 2000
    const spentSoFar = async () => {
      for (;;) {
        const rows = await query.selectFrom('usage').select('cost').execute()
        const reserved = await query.selectFrom('reservations').select(['state', 'money']).execute()
        const spent = rows.reduce((sum, { cost }) => sum + cost, 0)
        // A call's reservation is settled in one transaction and its row written in another.
        const charged = reserved.reduce((sum, { money }) => sum + money, 0)
        if (rows.length > 0 && spent === charged && !reserved.some(({ state }) => state === 'open')) return spent
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    const look = (async () => {
      while (watching) {
        const accounts = await query.selectFrom('accounts').selectAll().where('capacity', 'is not', null).execute()
        for (const row of accounts) assert.ok(row.spent + row.leased <= (row.capacity ?? 0), JSON.stringify(row))
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    })()
    const budget = { scope: 'workspace', amount: (50 * cost + (await spentSoFar())) / 1e9 }
    const made = await call(nodes, '/galerne/v1/budgets', budget)
    assert.equal(made.status, 200, JSON.stringify(made.body))
    assert.deepEqual(await askAll(nodes, 200, () => {}), { answered: 50, refused: 150, broken: 0 })

    const more = (50 * cost + (await spentSoFar())) / 1e9
    await call(nodes, `/galerne/v1/budgets/${made.body.id}`, { amount: more })
    const killed = nodes.each[0]?.process
    const counts = await askAll(nodes, 200, (answered) => {
      if (answered === 20) killed?.kill('SIGKILL')
    })
    assert.ok(counts.answered >= 20 && counts.answered <= 50, JSON.stringify(counts))
    // When the lease of the dead node ends, its open calls are charged as reserved and the rest of its blocks comes back.
    while ((await query.selectFrom('ledger_nodes').select('id').execute()).length > 1) {
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    const rest = await askAll(nodes, 60, () => {})
    assert.equal(rest.answered + rest.refused, 60, JSON.stringify(rest))
    const spent = await spentSoFar()
    watching = false
    await look
    const account = await query
      .selectFrom('accounts')
      .selectAll()
      .where('capacity', 'is not', null)
      .executeTakeFirstOrThrow()
    const capacity = Math.round(more * 1e9)
    assert.equal(account.capacity, capacity)
    assert.ok(account.spent <= capacity && capacity - account.spent < cost, JSON.stringify(account))
    assert.equal(spent, account.spent)
    const estimated = await query.selectFrom('reservations').select('id').where('state', '=', 'estimated').execute()
    const charged = (account.spent - (capacity - 50 * cost)) / cost
    assert.ok(
      counts.answered + rest.answered + estimated.length >= charged - 1,
      JSON.stringify({ counts, rest, charged }),
    )
  } finally {
    watching = false
    await nodes.stop()
    await database.close()
    await place.remove()
  }
})
