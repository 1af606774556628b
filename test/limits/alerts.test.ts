// Alerts of budgets: once per threshold over all nodes, signed, tried again until taken, mailed over SMTP, and set by the official clients.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import OpenAI from 'openai-7'
import { describeOnServers } from '../support/databases.ts'
import { createEchoModel } from '../support/echo-model.ts'
import { chat, send } from '../support/http-client.ts'
import { startLimitedServer } from '../support/limited-server.ts'
import { startMailServer } from '../support/mail-server.ts'
import { adminKey } from '../support/server.ts'
import { until } from '../support/until.ts'

const admin = { authorization: `Bearer ${adminKey}` }
const portOf = (server: ReturnType<typeof createServer>) => (server.address() as AddressInfo).port

/** A receiver that refuses the first calls. */
async function receiver(refused = 1) {
  const taken: { body: string; headers: IncomingHttpHeaders }[] = []
  let calls = 0
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      calls += 1
      if (calls > refused) taken.push({ body, headers: request.headers })
      response.writeHead(calls > refused ? 204 : 503).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${portOf(server)}/hook`, taken, close: () => server.close() }
}

/** As a receiver computes it by Standard Webhooks, with the secret that it was given. */
function signature(secret: string, text: string): string {
  const key = /^whsec_[A-Za-z0-9+/]{43}=$/.test(secret) ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret
  return createHmac('sha256', key).update(text).digest('base64')
}

describeOnServers('alerts of budgets', (get) => {
  test('a threshold is told once, signed and mailed, again where it was not taken', async () => {
    const [hook, mails] = [await receiver(), await startMailServer()]
    const alerting = { webhookSecret: 'a secret of both sides, 32 letters', smtpUrl: mails.url }
    const server = await startLimitedServer(get().database, [createEchoModel()], { alerting })
    try {
      const made = await send(server, '/galerne/v1/budgets', {
        headers: admin,
        body: {
          scope: 'workspace',
          amount: 0.000_09,
          thresholds: [80, 20],
          webhook: hook.url,
          emails: ['ops@example.org'],
        },
      })
      assert.equal(made.status, 200, made.text)
      assert.deepEqual(made.json().thresholds, [20, 80])
      for (let n = 0; n < 4; n++) assert.equal((await chat(server, { max_tokens: 3 })).status, 200)
      await server.settled()
      await until('the first threshold is told', () => hook.taken.length === 1 && mails.messages.length >= 1)
      const [{ body, headers } = { body: '', headers: {} as IncomingHttpHeaders }] = hook.taken
      const alert = JSON.parse(body)
      assert.deepEqual([alert.type, alert.threshold, alert.budget.id], ['budget.threshold_reached', 20, made.json().id])
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
      assert.equal(headers['webhook-signature'], `v1,${signature(made.json().webhook_secret, signed)}`)
      assert.match(mails.messages[0] ?? '', /^Subject: 20 % of the budget/m)
      for (let n = 0; n < 4; n++) await chat(server, { max_tokens: 3 })
      await server.settled()
      await until('the second threshold is told', () => hook.taken.length === 2)
      assert.equal(JSON.parse(hook.taken[1]?.body ?? '{}').threshold, 80)
      const rows = await get().database.query.selectFrom('budget_alerts').selectAll().execute()
      assert.equal(rows.length, 2)
      // The webhook was not taken at first, and nobody got a mail twice for that.
      await until('it is mailed', () => mails.messages.length >= 2)
      const subjects = mails.messages.map((mail) => /^Subject: (\d+) %/m.exec(mail)?.[1])
      assert.deepEqual(subjects, ['20', '80'])
    } finally {
      await server.stop()
      hook.close()
      mails.close()
    }
  })

  test('every webhook has a secret of its own, shown once, that can be replaced while the old one still holds', async () => {
    const [one, two] = [await receiver(0), await receiver(0)]
    const alerting = { webhookSecret: 'a secret of the server alone, 32 letters' }
    const server = await startLimitedServer(get().database, [createEchoModel()], { alerting })
    const ask = async (path: string, body?: object) => {
      const answer = await send(server, path, { headers: admin, ...(body !== undefined && { body }) })
      assert.equal(answer.status, 200, answer.text)
      return answer.json()
    }
    const budgets = '/galerne/v1/budgets'
    const next = async (hook: typeof one, count: number) => {
      assert.equal((await chat(server, { max_tokens: 3 })).status, 200)
      await server.settled()
      await until('the webhook is told', () => hook.taken.length === count)
      const { headers, body } = hook.taken.at(-1) ?? { headers: {}, body: '' }
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
      const given = String(headers['webhook-signature']).split(' ')
      return { given, by: (secret: string) => `v1,${signature(secret, signed)}` }
    }
    try {
      // A call costs 9,000 nano-units, a hundredth: each passes a threshold of the first. What other tests spent counts too.
      const soft = { scope: 'workspace', amount: 0.000_9, hard: false }
      const probe = await ask(budgets, { ...soft, thresholds: [] })
      const from = Math.round((probe.spent / soft.amount) * 100)
      await get().database.query.deleteFrom('budgets').execute()
      const thresholds = [from + 1, from + 2, from + 3, from + 4, from + 5]
      const first = await ask(budgets, { ...soft, thresholds, webhook: one.url })
      const second = await ask(budgets, { ...soft, thresholds: [from + 1], webhook: two.url })
      assert.match(first.webhook_secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
      assert.notEqual(first.webhook_secret, second.webhook_secret)
      assert.ok(!JSON.stringify(await ask(budgets)).includes('whsec_'))
      const toOne = await next(one, 1)
      assert.deepEqual(toOne.given, [toOne.by(first.webhook_secret)])
      const toTwo = await next(two, 1)
      assert.deepEqual(toTwo.given, [toTwo.by(second.webhook_secret)])
      await until('the first webhook is told too', () => one.taken.length === 2)
      assert.equal((await ask(`${budgets}/${first.id}`, { hard: false })).webhook_secret, undefined)
      const replaced = await ask(`${budgets}/${first.id}/webhook-secret`, {})
      const both = await next(one, 3)
      assert.deepEqual(both.given, [both.by(replaced.webhook_secret), both.by(first.webhook_secret)])
      const again = await ask(`${budgets}/${first.id}/webhook-secret`, { overlap_seconds: 0 })
      const alone = await next(one, 4)
      assert.deepEqual(alone.given, [alone.by(again.webhook_secret)])
      // One that an earlier version set is signed with the server's own until its secret is replaced.
      await get().database.query.updateTable('budgets').set({ webhook_key: null }).where('id', '=', first.id).execute()
      const legacy = await next(one, 5)
      assert.deepEqual(legacy.given, [legacy.by(alerting.webhookSecret)])
      // Another receiver gets another secret; without one there is none to replace.
      const moved = await ask(`${budgets}/${second.id}`, { webhook: `${two.url}/else` })
      assert.notEqual(moved.webhook_secret, second.webhook_secret)
      await ask(`${budgets}/${second.id}`, { webhook: null })
      const none = await send(server, `${budgets}/${second.id}/webhook-secret`, { headers: admin, body: {} })
      assert.deepEqual([none.status, none.json().error.param], [400, 'id'])
    } finally {
      await server.stop()
      one.close()
      two.close()
    }
  })

  test('a webhook that nothing could ever reach is refused at once', async () => {
    const alerting = { webhookSecret: 'a secret of both sides, 32 letters' }
    const server = await startLimitedServer(get().database, [createEchoModel()], { alerting })
    try {
      for (const webhook of [
        ...['http://169.254.169.254/latest', 'http://[fe80::1]/', 'http://0.0.0.0/'],
        ...['https://name:password@example.org/', 'https://', 'ftp://example.org/'],
      ]) {
        const body = { scope: 'workspace', amount: 1, webhook }
        const refused = await send(server, '/galerne/v1/budgets', { headers: admin, body })
        assert.deepEqual([refused.status, refused.json().error.param], [400, 'webhook'], webhook)
      }
    } finally {
      await server.stop()
    }
  })

  test('the official client sets the spend limit and alerts, and calls stop at the limit', async () => {
    const mails = await startMailServer()
    const server = await startLimitedServer(get().database, [createEchoModel()], { alerting: { smtpUrl: mails.url } })
    try {
      const openai = new OpenAI({ apiKey: adminKey, adminAPIKey: adminKey, baseURL: `${server.url}/v1`, maxRetries: 0 })
      const { spendLimit, spendAlerts } = openai.admin.organization
      const limit = await spendLimit.update({ currency: 'USD', interval: 'month', threshold_amount: 1 })
      assert.deepEqual([limit.threshold_amount, limit.enforcement.status], [1, 'inactive'])
      const channel = { type: 'email' as const, recipients: ['billing@example.org'] }
      const alert = await spendAlerts.create({
        currency: 'USD',
        interval: 'month',
        threshold_amount: 1,
        notification_channel: channel,
      })
      assert.deepEqual(
        (await spendAlerts.list()).data.map(({ id }) => id),
        [alert.id],
      )
      assert.equal((await spendAlerts.delete(alert.id)).deleted, true)
      const mistral = await send(server, '/v1/admin/spend-limit', { headers: admin, body: { amount: 0 } })
      const { completion, currency } = mistral.json().limits
      assert.deepEqual([completion.usage_limit, completion.monthly_limit_reached, currency], [0, true, 'USD'])
      const refused = await chat(server, { max_tokens: 3 })
      assert.deepEqual([refused.status, refused.json().error.code], [429, 'insufficient_quota'])
      assert.equal((await spendLimit.delete()).deleted, true)
      assert.equal((await chat(server, { max_tokens: 3 })).status, 200)
      const free = await send(server, '/v1/admin/spend-limit', {
        headers: { 'x-api-key': adminKey, authorization: '' },
      })
      assert.equal(free.json().limits.completion.no_monthly_limit, true)
    } finally {
      await server.stop()
      mails.close()
    }
  })
})
