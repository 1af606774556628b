// Operating in a real browser: a running batch is cancelled, a canary begins, goes on and is taken back, a budget's alert arrives, and pictures
// are offered where a model sees them and nowhere else.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { noBrowser } from '../support/browser.ts'
import { lookAt, type OpenConsole, openConsole } from '../support/console-page.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { starterModel } from '../support/weights.ts'

describe('operating in the console', { skip: noBrowser, timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'galerne-operating-'))
  let running: OpenConsole
  before(async () => {
    const tiny = await tinyLlama({ folder, vocabulary: byteVocabulary([]), contextLength: 2048 })
    const models = ['--model', `one=${await starterModel()}`, '--model', `two=${tiny}`]
    const flags = [...models, '--streams', '2', '--context-length', '2048', '--webhook-private', 'allow']
    running = await openConsole(flags, { GALERNE_WEBHOOK_SECRET: 'a secret of both sides, 32 letters' })
  })
  after(async () => {
    await running?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const ask = (model: string, more: object = {}) =>
    running.call('POST', '/v1/chat/completions', {
      ...{ model, max_tokens: 2, messages: [{ role: 'user', content: 'Hi' }] },
      ...more,
    })

  test('a batch that runs is cancelled; what was answered until then is there to be taken away', async () => {
    const { page, open, product } = running
    const line = (index: number) =>
      JSON.stringify({
        ...{ custom_id: `line ${index}`, method: 'POST', url: '/v1/chat/completions' },
        body: {
          model: 'one',
          max_tokens: index < 4 ? 1 : 1_000,
          min_tokens: index < 4 ? 1 : 1_000,
          messages: [{ role: 'user', content: 'Count.' }],
        },
      })
    const body = new FormData()
    body.set('purpose', 'batch')
    body.set('file', new Blob([Array.from({ length: 60 }, (_, index) => line(index)).join('\n')]), 'long.jsonl')
    const authorization = `Bearer ${product.key}`
    const sent = await fetch(`${product.url}/v1/files`, { method: 'POST', headers: { authorization }, body })
    assert.equal(sent.status, 200)
    await open('/batches')
    await page.getByText('No batch').waitFor()
    await page.getByRole('button', { name: 'Make a batch' }).click()
    await page.getByRole('button', { name: 'Start' }).click()
    const row = page.getByRole('row').filter({ hasText: '/ 60' })
    await row.getByText(/^[1-9]\d* \/ 60$/).waitFor()
    await row.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel', exact: true }).click()
    await row.getByText('cancelled').waitFor()
    assert.equal(await row.getByRole('button', { name: 'Cancel' }).count(), 0)
    await lookAt(page, 'batch-cancelled')
    const waiting = page.waitForEvent('download')
    await row.getByRole('button', { name: 'Results' }).click()
    const stream = await (await waiting).createReadStream()
    const results = (await stream.toArray()).join('').trim().split('\n')
    assert.ok(results.length >= 1 && results.length < 60, `${results.length} lines were answered`)
  })

  test('a canary begins, takes its part of the calls, takes all, is undone step by step, and the alias is removed', async () => {
    const { page, open } = running
    await open('/models')
    await page.getByText('No alias is set').waitFor()
    const panel = page.getByRole('region', { name: 'Aliases' })
    await page.getByRole('button', { name: 'Set an alias' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill('assistant')
    await dialog.getByLabel('Leads to').selectOption('one')
    await dialog.getByRole('button', { name: 'Save' }).click()
    const row = panel.getByRole('row').filter({ hasText: 'assistant' })
    await row.waitFor()
    assert.equal((await ask('assistant'))['model'], 'one')
    await row.getByRole('button', { name: 'Change' }).click()
    await dialog.getByLabel('Try first').selectOption('two')
    await dialog.getByLabel('Percent of the calls').fill('100')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await row.getByText('first 100 % to').waitFor()
    assert.equal((await ask('assistant'))['model'], 'two')
    await lookAt(page, 'canary')
    await row.getByRole('link', { name: 'two' }).click()
    await running.heading('Calls')
    await page
      .getByRole('status')
      .getByText(/^Calls: 1 /)
      .waitFor()
    assert.match(page.url(), /model=two/)
    await open('/models')
    await row.getByRole('button', { name: 'Undo' }).click()
    await dialog.getByRole('button', { name: 'Undo' }).click()
    await row.getByText('first 100 % to').waitFor({ state: 'detached' })
    assert.equal((await ask('assistant'))['model'], 'one')
    await row.getByRole('button', { name: 'History of assistant' }).click()
    await dialog.getByRole('row').nth(3).waitFor()
    assert.deepEqual(
      (await dialog.getByRole('row').allTextContents()).slice(1).map((text) => /^(taken back|set)/.exec(text)?.[0]),
      ['taken back', 'set', 'set'],
    )
    await lookAt(page, 'alias-history')
    await page.keyboard.press('Escape')
    await row.getByRole('button', { name: 'Remove' }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await page.getByText('No alias is set').waitFor()
    const refused = await fetch(`${running.product.url}/v1/models/assistant`, {
      headers: { authorization: `Bearer ${running.product.key}` },
    })
    assert.equal(refused.status, 404)
  })

  test('an alert of a budget is posted, and the budget says when, or why it could not be', async () => {
    const { page, open } = running
    const posted: string[] = []
    let refuses = true
    const hook = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        if (!refuses) posted.push(body)
        response.writeHead(refuses ? 503 : 204).end()
      })
    }).listen(0, '127.0.0.1')
    await once(hook, 'listening')
    try {
      await running.call('POST', '/galerne/v1/prices', { model: 'two', input: 1_000, output: 1_000, source: 'a test' })
      await open('/budgets')
      await page.getByRole('button', { name: 'Make a budget' }).click()
      await page.getByLabel('Amount').fill('0.001')
      await page.getByLabel('Refuse calls').uncheck()
      await page.getByLabel('Tell at').fill('50')
      await page.getByLabel('By webhook to').fill(`http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`)
      await page.getByRole('button', { name: 'Save' }).click()
      // Its secret is shown this once.
      await page.getByText(/^whsec_[A-Za-z0-9+/]{43}=$/).waitFor()
      await page.getByRole('button', { name: 'I have it' }).click()
      await page.getByText('At 50 %', { exact: false }).waitFor()
      await ask('two')
      await page.getByText(/could not be told yet.*503/).waitFor()
      refuses = false
      await page.getByText(/50 % was reached and told/).waitFor()
      await lookAt(page, 'budget-alert')
      assert.equal(JSON.parse(posted[0] ?? '{}').threshold, 50)
    } finally {
      hook.close()
    }
  })

  test('what the organisation’s budget was spent on is what it counts, without the copies for a shadow', async () => {
    const { page, open, call } = running
    await call('PUT', '/galerne/v1/aliases/watched', { target: 'one', shadow: { target: 'two' }, revision: 0 })
    await call('POST', '/galerne/v1/budgets', { scope: 'organisation', amount: 1_000 })
    await ask('two')
    await ask('watched')
    await open('/usage?group=workspace')
    const copies = page.getByRole('cell', { name: 'copies for shadows' })
    // The copy is made after the answer.
    while (!(await copies.isVisible())) {
      await page.reload()
      await page.getByRole('table').waitFor()
    }
    // A call is settled a moment after its answer.
    const settled = async () => {
      const { data: sums } = await call('GET', '/galerne/v1/usage?width=total&from=1970-01-01&shadows=false')
      const { data: budgets } = await call('GET', '/galerne/v1/budgets')
      const [sum] = sums as { cost_nano: number }[]
      const whole = (budgets as { scope: string; spent: number }[]).find(({ scope }) => scope === 'organisation')
      return sum?.cost_nano === Math.round((whole?.spent ?? 0) * 1e9)
    }
    while (!(await settled())) await delay(50)
    await open('/budgets')
    const budget = page.getByRole('listitem').filter({ hasText: 'The organisation' })
    const spent = (await budget.getByRole('meter').getAttribute('aria-valuetext'))?.split(' ')[0]
    await budget.getByRole('link', { name: 'What it was spent on' }).click()
    const sum = page.getByRole('status').filter({ hasText: /^Calls: / })
    await sum.filter({ hasText: ` · ${spent}` }).waitFor()
    const rows = page.getByRole('region', { name: 'Calls' }).locator('tbody tr')
    await rows.first().waitFor()
    const counted = await rows.count()
    assert.ok((await sum.textContent())?.startsWith(`Calls: ${counted} `))
    assert.equal(await rows.filter({ hasText: 'copies for shadows' }).count(), 0)
    await page.getByRole('link', { name: 'Show them too' }).click()
    await rows.filter({ hasText: 'copies for shadows' }).first().waitFor()
    assert.equal(await rows.count(), counted + 1)
    await call('DELETE', '/galerne/v1/aliases/watched')
  })

  test('pictures are offered only where every model that is asked sees them; a model that does not refuses them by field', async () => {
    const { page, open } = running
    await open('/playground')
    await page.getByLabel('Message').waitFor()
    assert.equal(await page.getByLabel('Add a picture').count(), 0, 'no model here sees pictures')
    // A list that says otherwise, as one of an upstream's models will; the server itself does not believe it.
    await page.route('**/v1/models', async (route) => {
      const answer = await route.fetch()
      const list = (await answer.json()) as { data: { id: string; capabilities: object }[] }
      const data = list.data.map((model) =>
        model.id === 'one' ? { ...model, capabilities: { ...model.capabilities, vision: true } } : model,
      )
      await route.fulfill({ response: answer, json: { ...list, data } })
    })
    await open('/playground?model=one')
    const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
    await page
      .getByLabel('Add a picture')
      .setInputFiles({ name: 'one.png', mimeType: 'image/png', buffer: Buffer.from(pixel, 'base64') })
    await page.getByRole('img', { name: 'Picture 1' }).waitFor()
    await lookAt(page, 'picture')
    await page.getByLabel('Message').fill('What is this?')
    await page.keyboard.press('Enter')
    await page
      .getByRole('alert')
      .getByText('"messages[0].content[1]" is not supported here: model "one" takes no images.')
      .waitFor()
    await page.getByRole('button', { name: 'Compare' }).click()
    await page.getByLabel('Add a picture').waitFor({ state: 'detached' })
    await page.unroute('**/v1/models')
    assert.deepEqual(running.faults, [])
  })
})
