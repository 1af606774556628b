// Building in a real browser: prompts and their versions, batches and files, tools, shares, traces side by side, the catalogue.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { noBrowser } from '../support/browser.ts'
import { attack, lookAt, type OpenConsole, openConsole, signIn } from '../support/console-page.ts'
import { starterModel } from '../support/weights.ts'

describe('building in the console', { skip: noBrowser, timeout: 900_000 }, () => {
  let running: OpenConsole
  before(async () => {
    running = await openConsole(['--model', await starterModel(), '--streams', '4', '--context-length', '2048'])
  })
  after(() => running?.close())
  /** Ids of the newest traces, the newest first. */
  const newest = async () => {
    const found = await running.call('POST', '/v1/observability/traces/search', {})
    return (found as { traces: { results: { trace_id: string }[] } }).traces.results.map(({ trace_id: id }) => id)
  }
  const ask = async (question: string) => {
    await running.page.getByLabel('Most tokens').fill('12')
    await running.page.getByLabel('Message').fill(question)
    await running.page.keyboard.press('Enter')
    await running.page.getByText('tokens/s').first().waitFor()
  }

  test('the playground’s system prompt becomes a version; versions are edited, labelled, told apart and tried', async () => {
    const { page, open, heading } = running
    await open('/playground')
    await page.getByLabel('System prompt').fill('You are terse. Speak {{ language }}.')
    await page.getByRole('button', { name: 'Save as a prompt' }).click()
    await page.getByLabel('Name of the prompt').fill('support/greeting')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByText('Kept as version 1 of support/greeting').waitFor()
    await page.getByRole('link', { name: 'See it' }).click()
    await heading('support/greeting')
    await page.getByRole('button', { name: 'New version' }).click()
    await page
      .getByRole('dialog')
      .getByRole('textbox', { name: 'Text' })
      .fill(`You are kind. Speak {{ language }}. ${attack}`)
    await page.getByRole('dialog').getByRole('textbox', { name: 'Labels' }).fill('production')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { level: 2, name: 'Version 2' }).waitFor()
    await page.getByLabel('Compare with').selectOption('Against version 1')
    await page.locator('del').filter({ hasText: 'terse' }).waitFor()
    await page.locator('ins').filter({ hasText: 'kind' }).waitFor()
    await lookAt(page, 'prompt')
    await page.getByRole('link', { name: 'All prompts' }).click()
    await page.getByRole('row').filter({ hasText: 'support/greeting' }).getByText('production').waitFor()
    await lookAt(page, 'prompts')
    await page.getByRole('link', { name: 'support/greeting' }).click()
    await page.getByRole('link', { name: 'Try in the playground' }).click()
    await page.getByRole('textbox', { name: 'language' }).fill('French')
    await ask('Hello')
    await page.getByText('costs nothing').waitFor()
  })

  test('the cost under an answer is the cost of its row, cached tokens included', async () => {
    const { page, open } = running
    const [model] = ((await running.call('GET', '/v1/models')) as { data: { id: string }[] }).data
    await running.call('POST', '/galerne/v1/prices', { model: model?.id, input: 0.2, cached: 0.05, output: 0.7 })
    const last = async () => {
      const { data } = await running.call('GET', '/galerne/v1/usage/calls?limit=1')
      return (data as { id: string; cost_nano: number }[])[0]
    }
    await open('/playground')
    for (const question of ['What is a harbour?', 'And a lighthouse?']) {
      const shown = page.getByText(/tokens\/s.*\$/)
      const [count, before] = [await shown.count(), await last()]
      await ask(question)
      await shown.nth(count).waitFor()
      const amount = Number(/\$([\d.]+)/.exec((await shown.nth(count).textContent()) ?? '')?.[1])
      // Rows are written a moment after the answer.
      let row = await last()
      for (; row?.id === before?.id; row = await last()) await delay(100)
      // Three digits are shown.
      const cost = row?.cost_nano ?? 0
      assert.ok(cost > 0 && Math.abs(amount * 1e9 - cost) <= cost / 100, `${amount} shown, ${cost} counted`)
    }
  })

  test('a file is uploaded, answered as a batch, and its results are taken away', async () => {
    const { page, open } = running
    const [model] = ((await running.call('GET', '/v1/models')) as { data: { id: string }[] }).data
    const line = (id: string) =>
      JSON.stringify({
        ...{ custom_id: id, method: 'POST', url: '/v1/chat/completions' },
        body: { model: model?.id, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 },
      })
    await open('/files')
    await page.getByText('No file', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Upload a file' }).click()
    await page.getByLabel('File', { exact: true }).setInputFiles({
      ...{ name: 'questions.jsonl', mimeType: 'application/jsonl' },
      buffer: Buffer.from(`${line('a')}\n${line('b')}\n`),
    })
    await page.getByRole('dialog').getByRole('button', { name: 'Upload a file' }).click()
    await page.getByRole('row').filter({ hasText: 'questions.jsonl' }).waitFor()
    await lookAt(page, 'files')
    await page.getByRole('link', { name: 'Make a batch' }).click()
    await page.getByRole('dialog').getByText('questions.jsonl (2 lines)').waitFor({ state: 'attached' })
    await page.getByRole('button', { name: 'Start' }).click()
    const row = page.getByRole('row').filter({ hasText: '2 / 2' })
    await row.getByText('done').waitFor()
    await lookAt(page, 'batches')
    const waiting = page.waitForEvent('download')
    await row.getByRole('button', { name: 'Results' }).click()
    assert.match((await waiting).suggestedFilename(), /^file_.*\.jsonl$/)
  })

  test('a tool is made from fields; what the model asks is a form, and it goes on with the result', async () => {
    const { page, open } = running
    await open('/playground')
    await page.getByRole('button', { name: 'Add a tool' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill('weather')
    await dialog.getByRole('button', { name: 'Add a field' }).click()
    await dialog.getByLabel('Name of field 1').fill('city')
    await lookAt(page, 'tool')
    await dialog.getByRole('button', { name: 'Take it' }).click()
    await page.getByText('As JSON').first().click()
    const tools = await page.getByLabel('Tools as JSON').inputValue()
    assert.deepEqual(JSON.parse(tools)[0].function.parameters.required, ['city'])
    await page
      .getByRole('group', { name: 'JSON Schema of the answer' })
      .getByRole('button', { name: 'As JSON' })
      .click()
    await page.getByRole('textbox', { name: 'JSON Schema of the answer' }).fill('{ "oneOf": [')
    await page.getByText('This is no JSON Schema').waitFor()
    await page.getByRole('textbox', { name: 'JSON Schema of the answer' }).fill('')
    await page.getByRole('button', { name: 'As fields' }).click()
    await page.getByRole('button', { name: 'Remove field 1' }).waitFor({ state: 'detached' })
    await page.getByLabel('When to call one').selectOption('always')
    await page.getByLabel('Most tokens').fill('64')
    await page.getByLabel('Message').fill('What is the weather in Paris?')
    await page.keyboard.press('Enter')
    const forms = page.getByRole('group', { name: 'Calls weather' })
    await forms.first().waitFor()
    // A model may ask more than once.
    for (const form of await forms.all()) {
      await form.getByLabel('city').fill('Lyon')
      await form.getByLabel('What the tool gave').fill('22 degrees, sunny')
    }
    await lookAt(page, 'playground-tools')
    await page.getByRole('button', { name: 'Give it to the model' }).click()
    await page.getByText('→ 22 degrees, sunny').first().waitFor()
    await page.getByText('tokens/s').nth(1).waitFor()
  })

  test('a call of a tool is a form of all that its schema says: choices, bounds, objects, lists, and JSON for the rest', async () => {
    const { page, open, call } = running
    const parameters = {
      type: 'object',
      required: ['city', 'days', 'place'],
      properties: {
        city: { enum: ['Paris', 'Lyon'] },
        days: { type: 'integer', minimum: 1, maximum: 7, description: 'How many days' },
        exact: { type: 'boolean' },
        place: {
          ...{ type: 'object', required: ['latitude'] },
          properties: { latitude: { type: 'number' }, tags: { type: 'array', items: { type: 'string' } } },
        },
        more: { oneOf: [{ type: 'string' }, { type: 'number' }] },
      },
    }
    const [model] = ((await call('GET', '/v1/models')) as { data: { id: string }[] }).data
    const tools = JSON.stringify([{ type: 'function', function: { name: 'weather', parameters } }])
    const wanted = [{ id: 'c1', name: 'weather', arguments: '{"city":"Paris","days":2,"place":{"latitude":1}}' }]
    const answer = { state: 'done', text: '', reasoning: '', calls: wanted, likelihoods: [] }
    const content = {
      ...{ kind: 'playground', settings: { tools, maxTokens: '4' }, columns: [{ id: 'a', model: model?.id }] },
      turns: [{ id: '1', question: 'Weather?', steps: { a: [{ answer }] } }],
    }
    const { id } = await call('POST', '/galerne/v1/shares', { title: 'a form', content })
    await open(`/playground?share=${id}`)
    const form = page.getByRole('group', { name: 'Calls weather' })
    const give = page.getByRole('button', { name: 'Give it to the model' })
    assert.equal(await form.getByLabel('latitude').inputValue(), '1')
    await form.getByText('How many days').waitFor()
    await form.getByLabel('What the tool gave').fill('sunny')
    await form.getByLabel('city').selectOption('Lyon')
    await form.getByLabel('days').fill('9')
    await give.click()
    assert.equal(
      await form.getByLabel('days').evaluate((field: HTMLInputElement) => field.validity.rangeOverflow),
      true,
    )
    await form.getByLabel('days').fill('3')
    await form.getByLabel('exact').selectOption('true')
    await form.getByLabel('latitude').fill('45.5')
    for (const [place, tag] of ['centre', 'river'].entries()) {
      await form.getByRole('button', { name: 'Add to tags' }).click()
      await form.getByRole('textbox', { name: `tags ${place + 1}`, exact: true }).fill(tag)
    }
    await form.getByRole('button', { name: 'Remove tags 1' }).click()
    await form.getByLabel('more').fill('{')
    await form.getByText('This is no JSON.').waitFor()
    await form.getByLabel('more').fill('5')
    await lookAt(page, 'tool-form')
    await give.click()
    const called = page.locator('pre').filter({ hasText: 'latitude' })
    await called.waitFor()
    assert.deepEqual(JSON.parse((await called.first().textContent()) ?? ''), {
      ...{ city: 'Lyon', days: 3, exact: true, place: { latitude: 45.5, tags: ['river'] }, more: 5 },
    })
    await page.getByText('→ sunny').waitFor()
    await call('DELETE', `/galerne/v1/shares/${id}`)
  })

  test('a playground is shared by link: a colleague sees it, another workspace and a stranger do not', async () => {
    const { page, open, product } = running
    await open('/playground')
    await ask(`Say something short. ${attack}`)
    await page.getByRole('button', { name: 'Share' }).click()
    await page.getByRole('button', { name: 'Make a link' }).click()
    const link = (await page.getByRole('dialog').locator('pre').textContent()) ?? ''
    const workspace = await running.call('POST', '/v1/organization/projects', { name: 'Elsewhere' })
    const keyOf = async (fields: object) =>
      String((await running.call('POST', '/galerne/v1/keys', { name: 'k', role: 'member', ...fields }))['secret'])
    const visit = async (key: string) => {
      const context = await running.browser.newContext({ viewport: { width: 1280, height: 860 } })
      const visitor = await context.newPage()
      await signIn(visitor, product.url, key)
      await visitor.goto(link)
      return visitor
    }
    const colleague = await visit(await keyOf({}))
    await colleague.getByText('Say something short').waitFor()
    await colleague.getByText('tokens/s').waitFor()
    await colleague.context().close()
    const other = await visit(await keyOf({ workspace: workspace['id'] }))
    await other.getByText(/There is no share/).waitFor()
    await lookAt(other, 'share-refused')
    await other.context().close()
    const stranger = await (await running.browser.newContext()).newPage()
    await stranger.goto(link)
    await stranger.getByRole('heading', { name: 'Sign in' }).waitFor()
    await stranger.context().close()
    await page.getByText('What is shared in this workspace').click()
    await lookAt(page, 'share')
    await page.getByRole('button', { name: 'End' }).click()
    await page.getByRole('dialog').last().getByRole('button', { name: 'End' }).click()
    await page.getByText('Nothing yet.').waitFor()
    await page.goto(link)
    await page.getByRole('heading', { level: 1, name: 'This link opens nothing here' }).waitFor()
  })

  test('two traces stand side by side, and one is replayed', async () => {
    const { page, open, heading } = running
    await open('/traces')
    await page.getByRole('button', { name: 'What is kept' }).click()
    await page.getByLabel('Keep what was said').check()
    await page.getByLabel('bank accounts').check()
    await page.getByLabel('Words for so many days').fill('30')
    await lookAt(page, 'keeping')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    const kept = await running.call('GET', '/galerne/v1/workspaces/default/usage-settings')
    const { keep_content: content, content_days: days, trace_days: traceDays, redaction } = kept
    assert.deepEqual([content, days, traceDays], [true, 30, null])
    assert.deepEqual((redaction as { presets: string[] }).presets, ['iban'])
    const [before = ''] = await newest()
    for (const question of ['Name a river.', 'Name a mountain.']) {
      await open('/playground')
      await ask(question)
    }
    // Traces are written a moment after the answer.
    while ((await newest()).indexOf(before) < 2) await delay(200)
    await open('/traces')
    await page.getByRole('checkbox').nth(1).check()
    await page.getByRole('checkbox').nth(0).check()
    await page.getByRole('link', { name: 'Compare the two' }).click()
    await heading('Two traces')
    await page.locator('del').filter({ hasText: 'river' }).first().waitFor()
    await page.locator('ins').filter({ hasText: 'mountain' }).first().waitFor()
    await lookAt(page, 'compare')
    await page
      .getByRole('link', { name: /^chat / })
      .last()
      .click()
    await page.getByRole('link', { name: 'Replay on another model' }).click()
    await heading('Playground')
    assert.equal(await page.getByLabel('Message').inputValue(), 'Name a mountain.')
  })

  test('session, user and tags of a trace lead to the traces that have them', async () => {
    const { page, open, call } = running
    const [model] = ((await call('GET', '/v1/models')) as { data: { id: string }[] }).data
    const [before] = await newest()
    await call('POST', '/v1/chat/completions', {
      ...{ model: model?.id, max_tokens: 2, user: "Zoë's", metadata: { session_id: 'a \\ b', tags: 'red' } },
      messages: [{ role: 'user', content: 'Name a sea.' }],
    })
    while ((await newest())[0] === before) await delay(100)
    const [trace] = await newest()
    for (const name of ['Session a \\ b', "User Zoë's", 'red']) {
      await open(`/traces/${trace}`)
      await page.getByRole('link', { name, exact: true }).click()
      await page.waitForURL(/\/traces\?q=/)
      await page.getByRole('link', { name: /^chat / }).waitFor()
    }
  })

  test('the catalogue says what fits for how many; the log of a model is read', async () => {
    const { page, open } = running
    await open('/models')
    const catalogue = page.getByRole('region', { name: 'Catalogue' })
    await catalogue.getByText(/free$/).first().waitFor()
    await page.getByLabel('Length of a conversation').selectOption('for 2k tokens each')
    await catalogue
      .getByText(/users at 2k/)
      .first()
      .waitFor()
    const rows = await catalogue.getByRole('row').count()
    await page.getByRole('button', { name: 'Show more' }).click()
    await catalogue.getByRole('row').nth(rows).waitFor()
    await lookAt(page, 'catalogue')
    await page.getByRole('button', { name: /^Log of/ }).click()
    await page
      .getByRole('dialog')
      .locator('pre')
      .getByText(/ info | debug /)
      .waitFor()
  })

  test('no page asked elsewhere, broke a policy or ran a stranger’s script', async () => {
    assert.deepEqual(running.faults, [])
    assert.notEqual(await running.page.title(), 'taken')
  })
})
