// Rows in a real browser: lists go on page by page to the last one, and figures lead to as many rows as they say.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Locator, Page } from 'playwright-core'
import { noBrowser } from '../support/browser.ts'
import { lookAt, type OpenConsole, openConsole, signIn } from '../support/console-page.ts'
import { starterModel } from '../support/weights.ts'

/** More than a page. */
const many = 55

describe('rows in the console', { skip: noBrowser, timeout: 900_000 }, () => {
  let running: OpenConsole
  let model = ''
  /** The key whose calls are looked at, which may call one path alone, and the secret of a key of each kind. */
  let [holder, secret] = ['', '']
  before(async () => {
    running = await openConsole(['--model', await starterModel(), '--streams', '4', '--context-length', '512'])
    const listed = (await running.call('GET', '/v1/models')) as { data: { id: string }[] }
    model = listed.data[0]?.id ?? ''
    await running.call('POST', '/galerne/v1/prices', { model, input: 1, output: 2, source: 'a test' })
    const made = await running.call('POST', '/galerne/v1/keys', {
      ...{ name: 'holder', role: 'member', endpoints: ['/v1/chat/completions'] },
    })
    holder = String(made['id'])
    secret = String(made['secret'])
    await running.call('POST', '/galerne/v1/budgets', { scope: 'key', subject: holder, amount: 5 })
    for (let number = 0; number < 3; number++) assert.equal(await chat(secret, 'Say yes.'), 200)
    // More than the model reads at once: the call ends with an error, and counts as one.
    assert.equal(await chat(secret, 'word '.repeat(2_000)), 400)
    await counted(4)
  })
  after(() => running?.close())

  async function chat(key: string, content: string): Promise<number> {
    const body = { model, max_tokens: 2, messages: [{ role: 'user', content }] }
    const answer = await fetch(`${running.product.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    await answer.text()
    return answer.status
  }

  /** Waits until that many calls are counted: a client has its answer a moment before. */
  async function counted(calls: number): Promise<void> {
    for (let tries = 0; ; tries++) {
      const { data } = (await running.call('GET', '/galerne/v1/usage?width=total')) as { data: { requests: number }[] }
      if (data[0]?.requests === calls) return
      assert.ok(tries < 4_000, `${JSON.stringify(data)} in place of ${calls} calls`)
      await delay(50)
    }
  }

  const rowsOf = (page: Page, label: string) =>
    page.getByRole('region', { name: label, exact: true }).locator('tbody tr')
  const figure = (page: Page, name: string): Locator =>
    page.getByText(name, { exact: true }).locator('xpath=..').getByRole('link')
  /** The calls that are shown, as the sum above them says and as rows. */
  const calls = async (page: Page) => {
    await page.getByRole('heading', { level: 1, name: 'Calls' }).waitFor()
    const said =
      (await page
        .getByRole('status')
        .filter({ hasText: /calls: /i })
        .textContent()) ?? ''
    await rowsOf(page, 'Calls').first().waitFor()
    return { said, rows: await rowsOf(page, 'Calls').count() }
  }

  test('the overview’s figures of today lead to as many calls', async () => {
    const { page, open } = running
    await open('/')
    await figure(page, 'Requests').getByText('4', { exact: true }).click()
    const { said, rows } = await calls(page)
    assert.match(said, /^Calls: 4 · tokens in: \d+ · tokens out: \d+ · \$/)
    assert.equal(rows, 4)
    await lookAt(page, 'calls')
    await open('/')
    await figure(page, 'Errors').getByText('1', { exact: true }).click()
    assert.deepEqual(await calls(page), { said: 'Failed calls: 1', rows: 1 })
    await page.getByText('context_length_exceeded').waitFor()
    await open('/')
    const spend = figure(page, 'Spent').filter({ hasText: '$' })
    const spent = await spend.textContent()
    await spend.click()
    assert.ok((await calls(page)).said.endsWith(` · ${spent}`), spent ?? '')
  })

  test('the overview’s figures of now lead to each model’s part', async () => {
    const { page, open } = running
    const [now] = (await running.call('GET', '/galerne/v1/overview'))['models'] as { [name: string]: number }[]
    assert.ok(now && Number(now['cached_tokens']) > 0)
    assert.ok(Number(now['cached_tokens']) <= Number(now['prompt_tokens']), 'what was cached is part of the prompts')
    assert.ok(Number(now['memory_bytes']) > 1e6)
    await open('/')
    await figure(page, 'In line').click()
    assert.match(page.url(), /#models$/)
    await page
      .locator('#models')
      .getByText(/prompt tokens from the cache/)
      .waitFor()
  })

  test('usage, a budget and the page of calls say the same', async () => {
    const { page, open } = running
    await open('/usage?group=key')
    const row = rowsOf(page, 'Usage and costs').first()
    await row.getByRole('link').first().waitFor()
    const shown = await row.getByRole('link').allTextContents()
    await row.getByRole('link').first().click()
    const { said, rows } = await calls(page)
    const [requests, input, , output, cost] = shown
    assert.equal(said, `Calls: ${requests} · tokens in: ${input} · tokens out: ${output} · ${cost}`)
    assert.equal(rows, 4)
    await page.getByLabel('State').selectOption('failed')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByText('Failed calls: 1').waitFor()
    await open('/budgets')
    const spent = (await page.getByRole('meter').getAttribute('aria-valuetext'))?.split(' ')[0]
    await page.getByRole('link', { name: 'What it was spent on' }).click()
    assert.ok((await calls(page)).said.endsWith(` · ${spent}`), spent)
    await page.getByLabel('From, in UTC').fill('no day')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page
      .getByRole('alert')
      .getByText(/"from"/)
      .waitFor()
  })

  test('a bar of the chart opens the calls that it counts, whatever the hour of day is here', async () => {
    // Far from UTC, where days have other names.
    const context = await running.browser.newContext({
      ...{ viewport: { width: 1280, height: 860 }, timezoneId: 'Pacific/Honolulu', locale: 'en-GB' },
    })
    const page = await context.newPage()
    await signIn(page, running.product.url, running.product.key)
    await page.goto(`${running.product.url}/usage?group=key&measure=requests`)
    const day = rowsOf(page, 'Usage and costs').getByRole('cell').first()
    await day.waitFor()
    const [sum] = (await running.call('GET', '/galerne/v1/usage?group_by=key'))['data'] as { start: string }[]
    const utcDay = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' })
    assert.equal(await day.textContent(), utcDay.format(Date.parse(sum?.start ?? '')))
    // The name of the key, not its id.
    await rowsOf(page, 'Usage and costs').getByRole('cell', { name: 'holder' }).waitFor()
    await page.locator('.recharts-legend-item').filter({ hasText: 'holder' }).waitFor()
    assert.ok((await page.locator('.recharts-xAxis .recharts-cartesian-axis-tick').count()) > 3, 'days without calls')
    await page.locator('.recharts-bar-rectangle path').first().click()
    assert.deepEqual((await calls(page)).rows, 4)
    await page.getByText(/^Calls: 4 · /).waitFor()
    // A call leads to its trace.
    await rowsOf(page, 'Calls').first().getByRole('link').click()
    await page.getByRole('heading', { level: 2, name: 'Where the time went' }).waitFor()
    await context.close()
  })

  test('the address is the truth: filters follow it back and forward, and by links', async () => {
    const { page, open } = running
    const pages = [
      { path: '/traces', field: 'Search expression', act: 'Search', name: 'q', texts: ['duration_ns > 1', '5'] },
      { path: '/files', field: 'Name contains', act: 'Search', name: 'search', texts: ['one', '2'] },
      { path: '/audit', field: 'Act', act: 'Filter', name: 'act', texts: ['login.succeeded', '7'] },
      { path: '/usage/calls', field: 'From, in UTC', act: 'Filter', name: 'from', texts: ['2026-01-01', '2026'] },
    ]
    for (const { path, field, act, name, texts } of pages) {
      await open(path)
      const input = page.getByRole('textbox', { name: field }).or(page.getByRole('combobox', { name: field }))
      const says = async (text: string) => {
        await page.waitForURL((url) => (url.searchParams.get(name) ?? '') === text)
        while ((await input.inputValue()) !== text) await delay(20)
      }
      for (const text of texts) {
        await input.fill(text)
        await page.getByRole('button', { name: act, exact: true }).click()
        await says(text)
      }
      await page.goBack()
      await says(texts[0] ?? '')
      await input.fill('typed and not sent')
      await page.goBack()
      await says('')
      await page.goForward()
      await says(texts[0] ?? '')
      await page
        .getByRole('link', { name: path === '/usage/calls' ? 'Overview' : 'Usage and costs' })
        .first()
        .click()
      await page.waitForURL((url) => url.pathname !== path)
      await page.goBack()
      await says(texts[0] ?? '')
    }
    // An address that somebody wrote by hand.
    await open('/traces?q=5&status=true')
    await page.getByRole('alert').getByText('search_expression').waitFor()
  })

  test('the figures under an answer lead to its call', async () => {
    const { page, open } = running
    await open('/playground')
    await page.getByLabel('Most tokens').fill('5')
    await page.getByLabel('Message').fill('Count to three.')
    await page.keyboard.press('Enter')
    const under = page.getByRole('link', { name: /tokens\/s/ })
    await under.waitFor()
    const [, input, output] = /(\d+) in, (\d+) out/.exec((await under.textContent()) ?? '') ?? []
    await counted(5)
    await under.click()
    await page.getByRole('heading', { level: 1, name: 'Calls' }).waitFor()
    const cells = rowsOf(page, 'Calls').getByRole('cell')
    await cells.first().waitFor()
    assert.equal(await rowsOf(page, 'Calls').count(), 1)
    const said = (await cells.allInnerTexts()).map((cell) => cell.split('\n')[0])
    assert.ok(said.includes(input) && said.includes(output), said.join())
  })

  test('a batch’s counts lead to the files that hold as many lines, its cost to its calls', async () => {
    const { page, open } = running
    const line = (id: string, body: object) =>
      JSON.stringify({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body })
    const good = { model, max_tokens: 2, messages: [{ role: 'user', content: 'Say yes.' }] }
    const lines = [
      line('a', good),
      line('b', good),
      line('c', { ...good, messages: [{ role: 'user', content: 'word '.repeat(2_000) }] }),
    ]
    const body = new FormData()
    body.set('purpose', 'batch')
    body.set('file', new Blob([lines.join('\n')]), 'questions.jsonl')
    const authorization = `Bearer ${running.product.key}`
    const sent = await fetch(`${running.product.url}/v1/files`, { method: 'POST', headers: { authorization }, body })
    const { id } = (await sent.json()) as { readonly id: string }
    const batch = { input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' }
    await running.call('POST', '/v1/batches', batch)
    await open('/batches')
    await page.getByText('done', { exact: true }).waitFor()
    for (const [name, count] of [
      ['lines: 3', '3'],
      ['answered: 2', '2'],
      ['failed: 1', '1'],
    ] as const) {
      await open('/batches')
      await page.getByRole('link', { name, exact: true }).click()
      await page.getByRole('heading', { level: 1, name: 'Files' }).waitFor()
      const cells = rowsOf(page, 'Files').getByRole('cell')
      await cells.first().waitFor()
      assert.equal(await rowsOf(page, 'Files').count(), 1, name)
      assert.ok(
        (await cells.allTextContents()).some((cell) => cell.endsWith(count)),
        name,
      )
    }
    await open('/batches')
    const cost = page.getByRole('link', { name: /^\$/ })
    await cost.click()
    await page.getByText(/^Lines of batch_/).waitFor()
    await rowsOf(page, 'Calls').nth(2).waitFor()
    const costs = await rowsOf(page, 'Calls').getByText(/^\$/).allTextContents()
    assert.deepEqual([await rowsOf(page, 'Calls').count(), costs.length], [3, 3])
    await page.getByText('context_length_exceeded').waitFor()
    await counted(8)
  })

  test('a holder whose key may call one path alone sees its own calls behind its figures', async () => {
    const context = await running.browser.newContext({ viewport: { width: 1280, height: 860 } })
    const page = await context.newPage()
    page.setDefaultTimeout(60_000)
    await page.goto(running.product.url)
    await page.getByLabel('API key').fill(secret)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('link', { name: 'My key' }).click()
    await page.getByRole('heading', { level: 1, name: 'holder' }).waitFor()
    const navigation = page.getByRole('navigation', { name: 'Pages' }).getByRole('link')
    assert.deepEqual(await navigation.allInnerTexts(), ['My key'], 'no way leads to a page that refuses this key')
    await figure(page, 'Requests').getByText('4', { exact: true }).click()
    assert.match(page.url(), /\/me#calls$/)
    await rowsOf(page, 'Calls').first().waitFor()
    assert.equal(await rowsOf(page, 'Calls').count(), 4)
    await page.getByRole('link', { name: '1 failed' }).click()
    await page.waitForURL(/state=failed/)
    await rowsOf(page, 'Calls').filter({ hasText: 'answered' }).first().waitFor({ state: 'detached' })
    await rowsOf(page, 'Calls').first().waitFor()
    assert.equal(await rowsOf(page, 'Calls').count(), 1)
    await page.getByRole('link', { name: 'The calls behind it' }).click()
    await rowsOf(page, 'Calls').nth(3).waitFor()
    await lookAt(page, 'my-calls')
    await page.getByRole('combobox', { name: 'Which calls' }).selectOption('failed')
    await page.waitForURL(/state=failed/)
    await context.close()
  })

  test('where somebody may not go a name is a name, a figure a figure, and no link', async () => {
    const made = await running.call('POST', '/galerne/v1/keys', { name: 'seer', role: 'viewer' })
    const context = await running.browser.newContext({ viewport: { width: 1280, height: 860 } })
    const page = await context.newPage()
    await signIn(page, running.product.url, String(made['secret']))
    await page.locator('#models').getByText(model, { exact: true }).waitFor()
    assert.equal(await page.getByRole('link', { name: model }).count(), 0, 'a viewer asks no model')
    assert.equal(await page.getByRole('link', { name: 'Playground' }).count(), 0)
    await figure(page, 'Errors').getByText('2', { exact: true }).click()
    assert.deepEqual(await calls(page), { said: 'Failed calls: 2', rows: 2 })
    await context.close()
    await running.call('DELETE', `/galerne/v1/keys/${made['id']}`)
  })

  test('every list shows more to its last row, and every choice is whole', async () => {
    const { page, open } = running
    const made: { readonly id: string; readonly secret: string }[] = []
    for (let number = 0; number < many; number++) {
      const key = await running.call('POST', '/galerne/v1/keys', { name: `key ${number}`, role: 'member' })
      made.push({ id: String(key['id']), secret: String(key['secret']) })
      const subject = key['id']
      await running.call('PUT', '/galerne/v1/limits', { scope: 'key', subject, requests_per_minute: number + 60 })
      await running.call('POST', '/galerne/v1/budgets', { scope: 'key', subject, amount: 1 })
      await running.call('PUT', `/galerne/v1/aliases/alias-${number}`, { target: model, revision: 0 })
      const project = await running.call('POST', '/v1/organization/projects', { name: `Project ${number}` })
      await running.call('PUT', '/galerne/v1/tiers/assignments', {
        ...{ scope: 'workspace', subject: project['id'], tier: 1 },
      })
    }
    for (const key of made) assert.equal(await chat(key.secret, 'Say yes.'), 200)
    await counted(8 + many)
    const definition = (number: number) => ({ definition: { content: `Version ${number}` } })
    const prompt = await running.call('POST', '/v2/prompts', { name: 'greeting', ...definition(1) })
    for (let number = 2; number <= 25; number++) {
      await running.call('POST', '/v2/prompts/greeting/versions', definition(number))
    }
    for (let number = 0; number < 12; number++) {
      await running.call('POST', '/galerne/v1/models/pull', {
        model: `https://127.0.0.1:1/${number}.gguf`,
        stream: false,
      })
    }

    const lists: readonly (readonly [path: string, label: string, rows: number])[] = [
      ['/keys', 'Keys', many + 3],
      ['/limits', 'Limits', many],
      ['/limits', 'Who is in which tier', many],
      ['/models', 'Aliases', many],
      ['/usage?group=key', 'Usage and costs', many + 2],
      ['/usage/calls', 'Calls', 8 + many],
    ]
    for (const [path, label, rows] of lists) {
      await open(path)
      await goOn(page, label, rowsOf(page, label), 50, rows)
    }
    // Five keys have their colours; the bar of the others opens theirs, together.
    await open('/usage?group=key&measure=requests')
    await page.locator('.recharts-legend-item').filter({ hasText: 'all others' }).waitFor()
    const bars = page.locator('.recharts-bar-rectangle path')
    await bars.last().click()
    const largest = (await running.call('GET', '/galerne/v1/usage?width=total&group_by=key'))['data'] as {
      requests: number
    }[]
    const counts = largest.map(({ requests }) => requests).sort((one, other) => other - one)
    const rest = counts.slice(5).reduce((sum, count) => sum + count, 0)
    assert.ok(rest > 40)
    await page.getByText(new RegExp(`^Calls: ${rest} · `)).waitFor()
    await open('/budgets')
    await goOn(page, 'Budgets', page.getByRole('list', { name: 'Budgets' }).getByRole('listitem'), 50, many + 1)
    await open('/models')
    await goOn(page, 'Pulls', page.getByRole('list', { name: 'Pulls' }).getByRole('listitem'), 10, 12)
    await open(`/prompts/${prompt['id']}`)
    await goOn(page, 'Versions', page.getByRole('listitem').filter({ hasText: /^Version/ }), 20, 25)
    await page.getByRole('link', { name: 'Version 1', exact: true }).click()
    await page.getByRole('heading', { level: 2, name: 'Version 1', exact: true }).waitFor()
    await page.getByLabel('Compare with').selectOption('Against version 25')
    await page.locator('del').filter({ hasText: '25' }).waitFor()

    await open('/limits')
    await page.getByRole('button', { name: 'Set a limit' }).click()
    await page.getByLabel('Whose').selectOption('One key')
    const choices = page.getByLabel('Which key').locator('option')
    await choices.nth(many).waitFor({ state: 'attached' })
    assert.equal(await choices.count(), many + 2)
  })

  /** The first page, then the next, then the end. */
  async function goOn(page: Page, label: string, rows: Locator, first: number, all: number): Promise<void> {
    await rows.nth(first - 1).waitFor()
    assert.equal(await rows.count(), first, label)
    const more = page
      .locator('section')
      .filter({ has: page.getByRole('button', { name: 'Show more' }) })
      .filter({ has: rows.first() })
      .getByRole('button', { name: 'Show more' })
    await more.last().click()
    await rows.nth(all - 1).waitFor()
    assert.equal(await rows.count(), all, label)
    assert.equal(await more.count(), 0, label)
  }

  test('no page asked elsewhere or broke a policy', () => {
    assert.deepEqual(running.faults, [])
  })
})
