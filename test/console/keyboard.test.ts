// The console without a mouse: everything that people do is reached by Tab, done by Enter and Space, left by Escape, and what has the focus is
// always seen and never lost.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Locator } from 'playwright-core'
import { noBrowser } from '../support/browser.ts'
import { type OpenConsole, openConsole } from '../support/console-page.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { startHub, type TestHub } from '../support/hub.ts'
import { starterModel } from '../support/weights.ts'

describe('the console by keyboard alone', { skip: noBrowser, timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'galerne-keyboard-'))
  let running: OpenConsole
  let hub: TestHub
  before(async () => {
    hub = await startHub()
    const path = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
    hub.put('team/tiny', 'tiny.gguf', { content: readFileSync(path) })
    const flags = ['--model', `starter=${await starterModel()}`, '--streams', '4', '--context-length', '2048']
    running = await openConsole([...flags, '--hub-url', hub.url])
  })
  after(async () => {
    await running?.close()
    await hub?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const press = (...keys: string[]) =>
    keys.reduce((before, key) => before.then(() => running.page.keyboard.press(key)), Promise.resolve())
  const type = (text: string) => running.page.keyboard.type(text)
  const hasFocus = (target: Locator) => target.evaluate((element) => element === document.activeElement)
  const until = async (holds: () => Promise<boolean>, what: string) => {
    for (let looks = 0; !(await holds()); looks++) {
      assert.ok(looks < 4_000, what)
      await running.page.waitForTimeout(25)
    }
  }
  /** Goes on with Tab until this has the focus; what has it on the way must be seen to have it. */
  const tabTo = async (target: Locator, key = 'Tab') => {
    await target.waitFor()
    // A dialog that opens takes the focus a moment later.
    const isInside = () =>
      running.page.evaluate(() => {
        const dialog = document.querySelector('[role=dialog]')
        return dialog === null || dialog.contains(document.activeElement)
      })
    await until(isInside, 'the dialog takes the focus')
    for (let stops = 0; !(await hasFocus(target)); stops++) {
      assert.ok(stops < 150, `${target} is not reached`)
      await press(key)
      assert.equal(await unseen(), undefined)
    }
  }
  /** What has the focus and does not show it. */
  const unseen = () =>
    running.page.evaluate(() => {
      const element = document.activeElement
      if (element === null || element === document.body) return undefined
      const { outlineStyle, boxShadow } = getComputedStyle(element)
      const shows = outlineStyle !== 'none' || / 0px 0px 0px 2px/.test(boxShadow)
      const { top, bottom } = element.getBoundingClientRect()
      return shows && bottom > 0 && top < innerHeight ? undefined : element.outerHTML.slice(0, 200)
    })
  /** Somewhere on the page, and seen. */
  const keepsFocus = async () => {
    await until(() => running.page.evaluate(() => document.activeElement !== document.body), 'the focus is lost')
    assert.equal(await unseen(), undefined)
  }
  const isBack = (target: Locator) => until(() => hasFocus(target), `the focus is back on ${target}`)
  const goTo = async (words: string, title: string) => {
    await press('Control+k')
    await running.page.getByRole('combobox', { name: 'Page, or id of a request' }).waitFor()
    await type(words)
    await press('Enter')
    await running.heading(title)
    await running.page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.equal(await running.page.title(), `${title} · Galerne`)
    await keepsFocus()
  }
  const button = (name: string, exact = true) => running.page.getByRole('button', { name, exact })
  const dialog = () => running.page.getByRole('dialog')
  const closed = () => dialog().waitFor({ state: 'detached' })

  test('signing in needs no step before the key; from the first Tab on there is a way past the navigation', async () => {
    const { page } = running
    const context = await running.browser.newContext()
    const guest = await context.newPage()
    await guest.goto(running.product.url)
    await guest.locator('input:focus').waitFor()
    await guest.keyboard.type(running.product.key)
    await guest.keyboard.press('Enter')
    await guest.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
    await context.close()
    await running.open('/')
    await running.heading('Overview')
    await press('Tab', 'Enter')
    await until(() => page.evaluate(() => document.activeElement?.id === 'content'), 'the content has the focus')
    await press('Control+k')
    await page.getByRole('combobox', { name: 'Page, or id of a request' }).waitFor()
    await type('nothing is called so')
    await dialog().getByText('Nothing is called that').waitFor()
    await press('Escape')
    await closed()
    await keepsFocus()
  })

  test('a key is made, copied, and revoked; the focus goes where one is', async () => {
    const { page } = running
    await goTo('keys', 'Keys')
    await tabTo(button('Make a key'))
    await press('Enter')
    await isBack(page.getByLabel('Name'))
    await type('typed')
    await press('Enter')
    await isBack(dialog().getByRole('button', { name: 'Copy' }))
    assert.match((await dialog().locator('pre').textContent()) ?? '', /^gal_/)
    await press('Escape')
    await closed()
    await isBack(button('Make a key'))
    const row = page.getByRole('row').filter({ hasText: 'typed' })
    await tabTo(row.getByRole('button', { name: 'Revoke' }))
    await press('Enter')
    await isBack(dialog().getByRole('button', { name: 'Keep it' }))
    await press('Escape')
    await closed()
    await isBack(row.getByRole('button', { name: 'Revoke' }))
    await press('Enter')
    await tabTo(dialog().getByRole('button', { name: 'Revoke' }))
    await press('Enter')
    await closed()
    await row.getByText('revoked').waitFor()
    await keepsFocus()
  })

  test('a chat is written and answered, a second model stands beside it, and both are kept and shared', async () => {
    const { page } = running
    await goTo('playground', 'Playground')
    await tabTo(page.getByLabel('Message'))
    await type('Say a word.')
    await tabTo(page.getByLabel('Most tokens'))
    await type('8')
    await tabTo(page.getByLabel('Message'), 'Shift+Tab')
    await press('Enter')
    await page.getByText('tokens/s').first().waitFor()
    assert.ok(await hasFocus(page.getByLabel('Message')), 'one goes on writing')
    await tabTo(button('Compare'), 'Shift+Tab')
    await press('Enter', 'Enter', 'Enter')
    assert.ok(await button('Compare').isDisabled())
    assert.ok(await hasFocus(button('Compare')), 'a button that can do no more keeps the focus')
    await tabTo(page.getByLabel('Message'))
    await type('And another.')
    await press('Enter')
    await page.getByText('tokens/s').nth(4).waitFor()
    await tabTo(page.getByLabel('System prompt'))
    await type('Be brief.')
    await tabTo(button('Save as a prompt'))
    await press('Enter')
    await isBack(page.getByLabel('Name of the prompt'))
    await type('kept')
    await press('Enter')
    await dialog().getByText('Kept as version 1').waitFor()
    await press('Escape')
    await closed()
    await isBack(button('Save as a prompt'))
    await tabTo(button('Share'), 'Shift+Tab')
    await press('Enter')
    await tabTo(button('Make a link'))
    await press('Enter')
    await dialog().getByText('/playground?share=').waitFor()
    await press('Escape')
    await closed()
    await isBack(button('Share'))
    await tabTo(button('Start over'), 'Shift+Tab')
    await press('Enter')
    assert.ok(await hasFocus(button('Start over')))
  })

  test('a model is unloaded and loaded, pinned, and its log read; another is pulled', async () => {
    const { page } = running
    await goTo('models', 'Models')
    const row = page.getByRole('region', { name: 'Served' }).getByRole('row').filter({ hasText: 'starter' })
    await tabTo(row.getByRole('button', { name: 'Unload' }))
    await press('Enter')
    const load = row.getByRole('button', { name: 'Load', exact: true })
    await isBack(load)
    await until(() => load.isEnabled(), 'it can be loaded')
    await press('Enter')
    await isBack(row.getByRole('button', { name: 'Unload' }))
    await row.getByText('ready').waitFor()
    await tabTo(row.getByRole('button', { name: 'Pin', exact: true }))
    await press('Space')
    await isBack(row.getByRole('button', { name: 'Unpin' }))
    await tabTo(button('Log of starter'))
    await press('Enter')
    await dialog().locator('pre').waitFor()
    await press('Escape')
    await closed()
    await isBack(button('Log of starter'))
    await tabTo(page.getByLabel('Name or address'))
    await type('hf:team/tiny:tiny.gguf')
    await press('Enter')
    await page.getByRole('list', { name: 'Pulls' }).getByText('done').waitFor()
    await keepsFocus()
  })

  test('limits and budgets are set and taken away', async () => {
    const { page } = running
    await goTo('limits', 'Limits and tiers')
    await tabTo(button('Set a limit'))
    await press('Enter')
    await isBack(page.getByLabel('Whose'))
    await tabTo(page.getByLabel('Requests/min'))
    await type('77')
    await press('Enter')
    await closed()
    await isBack(button('Set a limit'))
    const row = page.getByRole('row').filter({ hasText: '77' })
    await tabTo(row.getByRole('button', { name: 'Remove' }))
    await press('Enter')
    await tabTo(dialog().getByRole('button', { name: 'Remove' }))
    await press('Enter')
    await page.getByText('Nothing is limited').waitFor()
    await keepsFocus()
    await goTo('budg', 'Budgets')
    await tabTo(button('Make a budget'))
    await press('Enter')
    await tabTo(page.getByLabel('Amount'))
    await type('12')
    await press('Enter')
    await closed()
    await page.getByText(/of \D?12\.00/).waitFor()
    await isBack(button('Make a budget'))
  })

  test('traces are filtered, opened, compared', async () => {
    const { page } = running
    await goTo('traces', 'Traces')
    await page
      .getByRole('link', { name: /^chat / })
      .first()
      .waitFor()
    await tabTo(page.getByLabel('Status'))
    await type('e')
    await page.getByText('Nothing fits').waitFor()
    assert.ok(await hasFocus(page.getByLabel('Status')))
    await press('ArrowUp', 'ArrowUp')
    await page
      .getByRole('link', { name: /^chat / })
      .first()
      .waitFor()
    await tabTo(page.getByLabel('Search expression'))
    await type('llm_call_count = 1')
    await press('Enter')
    const first = page.getByRole('link', { name: /^chat / }).first()
    await tabTo(first)
    await press('Enter')
    await page.getByRole('link', { name: 'All traces' }).waitFor()
    await keepsFocus()
    await tabTo(button('decode', false))
    await press('Enter')
    await page.getByText('gen_ai.usage.output_tokens').waitFor()
    await tabTo(page.getByRole('link', { name: 'All traces' }), 'Shift+Tab')
    await press('Enter')
    await page.getByRole('checkbox').first().waitFor()
    for (const place of [0, 1]) {
      await tabTo(page.getByRole('checkbox').nth(place))
      await press('Space')
    }
    await tabTo(page.getByRole('link', { name: 'Compare the two' }), 'Shift+Tab')
    await press('Enter')
    await running.heading('Two traces')
    await keepsFocus()
  })

  test('a file is uploaded and answered as a batch; a prompt’s versions are told apart', async () => {
    const { page } = running
    await goTo('files', 'Files')
    await tabTo(button('Upload a file'))
    await press('Enter')
    await tabTo(page.getByLabel('File', { exact: true }))
    const choosing = page.waitForEvent('filechooser')
    // On a busy machine the browser forgets a key before its own dialog is ready: whoever sees none presses again.
    const chosen = choosing.then(() => true)
    do await press('Enter')
    while (!(await Promise.race([chosen, delay(5_000, false)])))
    const body = { model: 'starter', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 2 }
    const line = JSON.stringify({ custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body })
    await (await choosing).setFiles({ name: 'one.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(line) })
    await tabTo(dialog().getByRole('button', { name: 'Upload a file' }))
    await press('Enter')
    await closed()
    await isBack(button('Upload a file'))
    await tabTo(page.getByRole('link', { name: 'Make a batch' }))
    await press('Enter')
    await tabTo(button('Start'))
    await press('Enter')
    await closed()
    await page.getByRole('row').filter({ hasText: '1 / 1' }).getByText('done').waitFor()
    await keepsFocus()
    await goTo('prompts', 'Prompts')
    await tabTo(page.getByRole('link', { name: 'kept', exact: true }))
    await press('Enter')
    await tabTo(button('New version'))
    await press('Enter')
    await isBack(dialog().getByRole('textbox', { name: 'Text' }))
    await press('Control+a')
    await type('Be kind.')
    await tabTo(dialog().getByRole('button', { name: 'Save' }))
    await press('Enter')
    await closed()
    await tabTo(page.getByLabel('Compare with'))
    await press('ArrowDown')
    await page.locator('ins').filter({ hasText: 'kind' }).waitFor()
    assert.ok(await hasFocus(page.getByLabel('Compare with')))
  })

  test('whoever works in two workspaces goes from one to the other, and keeps their place', async () => {
    const { page, call, product } = running
    const { id } = await call('POST', '/v1/organization/projects', { name: 'Elsewhere' })
    await running.open('/keys')
    await button('Make a key').waitFor()
    assert.equal(await page.getByLabel('Workspace').count(), 0, 'a key works in its own workspace')
    const projects = ['default', id].map((project) => ({ id: project, role: 'owner' }))
    const invite = { email: 'two@example.org', role: 'reader', projects }
    const { secret } = await call('POST', '/v1/organization/invites', invite)
    const context = await running.browser.newContext({ viewport: { width: 1280, height: 860 } })
    const person = await context.newPage()
    await person.goto(`${product.url}/invitation/${secret}`)
    await person.getByLabel('Your name').fill('Two')
    await person.getByLabel('Choose a password').fill('correct horse battery')
    await person.keyboard.press('Enter')
    await person.getByRole('link', { name: 'Prompts' }).click()
    await person.getByRole('link', { name: 'kept', exact: true }).waitFor()
    await person.getByLabel('Workspace').focus()
    const chosen = await person.getByLabel('Workspace').inputValue()
    await person.keyboard.press(chosen === 'default' ? 'ArrowDown' : 'ArrowUp')
    await person.getByText('No prompt yet').waitFor()
    assert.ok(await hasFocus(person.getByLabel('Workspace')))
    await context.close()
  })

  test('the audit log is filtered; language and appearance change under the focus', async () => {
    const { page } = running
    await goTo('audit', 'Audit')
    await tabTo(page.getByLabel('Act'))
    await type('api_key.deleted')
    await press('Enter')
    await page.getByRole('row').nth(1).getByText('api_key.deleted').waitFor()
    await until(async () => (await page.getByRole('row').count()) === 2, 'one key was revoked')
    await keepsFocus()
    await tabTo(page.getByLabel('Language'), 'Shift+Tab')
    await press('ArrowDown')
    await page.getByLabel('Langue').first().waitFor()
    assert.ok(await hasFocus(page.getByLabel('Langue').first()))
    await press('ArrowUp')
    await tabTo(page.getByLabel('Appearance'))
    await type('d')
    await page.locator('html[data-theme=dark]').waitFor()
    assert.ok(await hasFocus(page.getByLabel('Appearance')))
    assert.deepEqual(running.faults, [])
  })
})
