// Budgets over HTTP: exact under parallel calls, on one node and on two, whole and streamed, with and without max_tokens.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { connect, type Database } from '../../src/database/connect.ts'
import { type Budget, budgetStore } from '../../src/features/budgets/store.ts'
import { describeOnServers } from '../support/databases.ts'
import { createEchoModel } from '../support/echo-model.ts'
import { chat, chunksOf, dataLines, send } from '../support/http-client.ts'
import { type LimitedServer, startLimitedServer } from '../support/limited-server.ts'
import { middayClock } from '../support/midday.ts'
import { until } from '../support/until.ts'

// "hello big world" is three tokens, and so is the answer: 3 × 1,000 + 3 × 2,000 nano-units.
const price = 9_000

const monthly = (model: string, amount: number, more: Partial<Budget> = {}): Budget => ({
  id: `budget_${model}`,
  scope: 'workspace',
  subject: 'default',
  period: 'month',
  timeZone: 'Europe/Paris',
  amount,
  hard: true,
  thresholds: [],
  webhook: null,
  webhookKey: null,
  emails: [],
  createdAt: middayClock.now(),
  updatedAt: middayClock.now(),
  ...more,
})

/** Whether spent and reserved money stayed within the budget at every look. */
function watch(database: Database) {
  let running = true
  let looks = 0
  const watching = (async () => {
    // Once more at the end at least: the first look may have been too early.
    for (let last = false; !last; ) {
      last = !running
      const rows = await database.query.selectFrom('accounts').selectAll().where('capacity', 'is not', null).execute()
      for (const row of rows) assert.ok(row.spent + row.leased <= (row.capacity ?? 0), JSON.stringify(row))
      looks += rows.length
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })()
  return async () => {
    running = false
    await watching
    assert.ok(looks > 0)
  }
}

describeOnServers('budgets over HTTP', (get) => {
  const others: Database[] = []
  const another = async () => {
    const opened = await connect(get().url)
    others.push(opened)
    return opened
  }
  let servers: LimitedServer[] = []
  const echo = () => createEchoModel({ streams: 64 })
  /** Sets the workspace's only budget, and forgets what was spent. */
  const setBudget = async (budget: Budget | undefined) => {
    const { query } = get().database
    await query.deleteFrom('budgets').execute()
    if (budget !== undefined) await budgetStore(get().database).put(budget)
    for (const { limits } of servers) await limits.policy.reload()
  }
  const spent = async (id: string) => {
    const rows = await get().database.query.selectFrom('accounts').selectAll().where('id', 'like', `${id}:%`).execute()
    return rows.map((row) => ({ spent: row.spent, leased: row.leased }))
  }
  const statuses = (answers: readonly { status: number }[]) => ({
    answered: answers.filter(({ status }) => status === 200).length,
    refused: answers.filter(({ status }) => status === 429).length,
  })

  before(async () => {
    // Exactly so many are answered, however long a node takes to give back what it does not need.
    const patient = { patienceMs: 600_000 }
    servers = [await startLimitedServer(get().database, [echo()], patient)]
    if (get().kind === 'postgres') servers.push(await startLimitedServer(await another(), [echo()], patient))
  })
  after(async () => {
    for (const server of servers) await server.stop()
    await Promise.all(others.map((other) => other.close()))
  })
  const settled = () => Promise.all(servers.map((server) => server.settled()))
  const turn = (n: number) => servers[n % servers.length] as LimitedServer

  for (const [kind, body] of [
    ['whole answers', { max_tokens: 3 }],
    ['streams', { max_tokens: 3, stream: true }],
  ] as const) {
    test(`200 parallel equal calls against a budget for 50: ${kind}`, async () => {
      const id = `parallel_${kind}`
      await setBudget(monthly(id, 50 * price))
      const spentBefore = (
        await get().database.query.selectFrom('spend').selectAll().where('scope', '=', 'workspace').execute()
      ).reduce((sum, { money }) => sum + money, 0)
      await setBudget(monthly(id, 50 * price + spentBefore))
      const stopWatching = watch(await another())
      const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => chat(turn(n), body)))
      await settled()
      await stopWatching()
      assert.deepEqual(statuses(answers), { answered: 50, refused: 150 })
      for (const { status, text } of answers) {
        if (status === 429) assert.equal(JSON.parse(text).error.code, 'insufficient_quota')
        else if (kind === 'streams') assert.equal(chunksOf(text).at(-1)?.choices[0]?.finish_reason, 'stop')
      }
      assert.equal((await spent(`budget_${id}`))[0]?.spent, 50 * price + spentBefore)
      const usage = await get().database.query.selectFrom('usage').selectAll().execute()
      assert.equal(
        usage.reduce((sum, { cost }) => sum + cost, 0),
        50 * price + spentBefore,
      )
    })
  }

  test('a refusal says what is spent, when the window ends, and that trying again is no use', async () => {
    await setBudget(monthly('refusal', 1))
    const answer = await chat(turn(0), { max_tokens: 3 })
    assert.equal(answer.status, 429)
    const { error, type } = answer.json()
    assert.deepEqual([error.type, error.code, type], ['insufficient_quota', 'insufficient_quota', 'rate_limited'])
    assert.match(error.message, /budget of 0\.000000001 USD for this workspace/)
    assert.equal(answer.headers.get('x-should-retry'), 'false')
    const seconds = Number(answer.headers.get('retry-after'))
    assert.ok(seconds > 0 && seconds <= 31 * 86_400)
  })

  test('a stream without max_tokens grows while there is room, then ends with an error frame', async () => {
    const words = 'word '.repeat(1500).trim()
    const messages = [{ role: 'user', content: words }]
    await setBudget(undefined)
    const whole = await chat(turn(0), { messages, stream: true })
    assert.equal(chunksOf(whole.text).at(-1)?.choices[0]?.finish_reason, 'stop')
    const id = 'grows'
    await settled()
    const rows = await get().database.query.selectFrom('spend').selectAll().where('scope', '=', 'workspace').execute()
    const before = rows.reduce((sum, { money }) => sum + money, 0)
    // For the prompt and about half of the answer.
    const budget = before + 1500 * 1000 + 800 * 2000
    await setBudget(monthly(id, budget))
    const cut = await chat(turn(0), { messages, stream: true })
    assert.equal(cut.status, 200)
    const lines = dataLines(cut.text)
    const error = lines.map((line) => (line === '[DONE]' ? {} : JSON.parse(line))).find((chunk) => chunk.error)
    assert.equal(error?.error.code, 'insufficient_quota')
    const said = lines.filter((line) => line.includes('word')).length
    assert.ok(said > 256 && said < 1500, String(said))
    await settled()
    const [account] = await spent(`budget_${id}`)
    assert.ok(
      account !== undefined && account.spent > before + 1500 * 1000 && account.spent <= budget,
      JSON.stringify(account),
    )
  })

  test('a client that leaves is charged what it got; the rest is free again', async () => {
    await setBudget(undefined)
    const id = 'leaves'
    await settled()
    const rows = await get().database.query.selectFrom('spend').selectAll().where('scope', '=', 'workspace').execute()
    const before = rows.reduce((sum, { money }) => sum + money, 0)
    const slow = createEchoModel({ tokenMs: 5, name: 'slow' })
    const server = await startLimitedServer(get().database, [slow])
    try {
      await setBudget(monthly(id, before + 10_000_000))
      await server.limits.policy.reload()
      const controller = new AbortController()
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        signal: controller.signal,
        headers: { authorization: 'Bearer test-key-00000000000000000000000000', 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'slow',
          stream: true,
          max_tokens: 4000,
          messages: [{ role: 'user', content: 'word '.repeat(1000) }],
        }),
      })
      const reader = response.body?.getReader()
      for (let n = 0; n < 5; n++) await reader?.read()
      controller.abort()
      const account = await until('the call is charged', async () => {
        await server.settled()
        return (await spent(`budget_${id}`)).find((one) => one.spent > before)
      })
      assert.ok(account.spent < before + 1_000_000 + 1000 * 2000, JSON.stringify(account))
    } finally {
      await server.stop()
    }
    assert.equal((await spent(`budget_${id}`))[0]?.leased, 0)
  })

  test('embeddings and ranking count too', async () => {
    await setBudget(undefined)
    await settled()
    const rows = await get().database.query.selectFrom('spend').selectAll().where('scope', '=', 'workspace').execute()
    const before = rows.reduce((sum, { money }) => sum + money, 0)
    await setBudget(monthly('embeddings', before + 5000))
    const embed = () => send(turn(0), '/v1/embeddings', { body: { model: 'echo', input: 'two words' } })
    const answers = [await embed(), await embed(), await embed()]
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 429],
    )
    assert.equal(answers[2]?.json().error.code, 'insufficient_quota')
    assert.match(answers[0]?.headers.get('galerne-queue-wait-ms') ?? '', /^\d+$/)
    const rank = await send(turn(0), '/v1/rerank', { body: { model: 'echo', query: 'a b', documents: ['c d'] } })
    assert.equal(rank.status, 429)
    await settled()
    assert.deepEqual(await spent('budget_embeddings'), [
      { spent: before + 4000, leased: (await spent('budget_embeddings'))[0]?.leased },
    ])
  })
})
