// What pages say where there is nothing yet, and where the server refuses, fails or is gone: what to do next, and what happened.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page, Route } from 'playwright-core'
import { noBrowser, violations } from '../support/browser.ts'
import { type OpenConsole, openConsole, signIn } from '../support/console-page.ts'
import { starterModel } from '../support/weights.ts'

/** Every page, with what it says to somebody who has just started. */
const pages: Readonly<Record<string, readonly RegExp[]>> = {
  '/': [/Nobody is stopped or warned/],
  '/playground': [/Say hello to your model/],
  '/prompts': [/Make one here/],
  '/batches': [/Upload a JSONL file/],
  '/files': [/Upload a JSONL file/],
  '/traces': [/Ask a model something/],
  '/usage': [/Ask a model something/],
  '/usage/calls': [/No call here/],
  '/models': [/“Set an alias” makes the first/, /Nothing lies on this disk/],
  '/me': [/No budget concerns you/, /No call here/],
  '/keys': [/api-key setting/],
  '/members': [/Nobody is invited/],
  '/limits': [/“Set a limit”/],
  '/budgets': [/“Make a budget” sets the first/],
  '/audit': [/The log is whole/],
}

const json = (status: number, code: string, message: string) => (route: Route) =>
  route.fulfill({
    status,
    json: { error: { message, code, param: null } },
    headers: { 'x-request-id': 'a'.repeat(32) },
  })

/** What the server may do instead of answering, and what the page must say then. */
const faults: Readonly<Record<string, { readonly meet: (route: Route) => Promise<void>; readonly says: string }>> = {
  'is gone': { meet: (route) => route.abort(), says: 'The server does not answer' },
  'answers 500': {
    meet: json(500, 'internal_error', 'Something failed inside the server.'),
    says: 'Something failed inside',
  },
  'answers 403': {
    meet: json(403, 'forbidden', 'This call needs the permission "x".'),
    says: 'This call needs the permission',
  },
  'answers 429': { meet: json(429, 'rate_limit_exceeded', 'Try again in 7 s.'), says: 'Try again in 7 s.' },
}

describe('empty and broken pages of the console', { skip: noBrowser, timeout: 600_000 }, () => {
  let running: OpenConsole
  before(async () => {
    running = await openConsole(['--model', await starterModel(), '--streams', '2', '--context-length', '2048'])
  })
  after(() => running?.close())
  // biome-ignore lint/performance/useDomNodeTextContent: words of neighbours must not run into one another.
  const shown = (page: Page) => page.getByRole('main').evaluate((main) => (main as HTMLElement).innerText)
  const ready = (page: Page) => page.getByText('Loading…').first().waitFor({ state: 'detached' })

  test('an empty database says on every page what to do next', async () => {
    const { page, open } = running
    for (const [path, words] of Object.entries(pages)) {
      await open(path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      for (const said of words) await page.getByRole('main').getByText(said).first().waitFor()
      assert.doesNotMatch(await shown(page), /\b(undefined|NaN|null|Invalid Date)\b|\{\w+\}/, path)
    }
  })

  for (const [name, { meet, says }] of Object.entries(faults)) {
    test(`a server that ${name} is told of on every page, and the page comes back by itself or by a button`, async () => {
      const context = await running.browser.newContext({ viewport: { width: 1280, height: 860 } })
      await signIn(await context.newPage(), running.product.url, running.product.key)
      const isData = (url: URL) => /^\/(v1|v2|galerne)\//.test(url.pathname) && url.pathname !== '/galerne/v1/session'
      await context.route(isData, meet)
      const visits = Object.keys(pages).map(async (path) => {
        const page = await context.newPage()
        await page.goto(`${running.product.url}${path}`)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.getByText(says).first().waitFor()
        await ready(page)
        assert.doesNotMatch(await shown(page), /\b(undefined|NaN|null|Failed to fetch|TypeError)\b/, path)
        return { path, page }
      })
      const visited = await Promise.all(visits)
      for (const { path, page } of visited.slice(0, 2)) assert.deepEqual(await violations(page), [], path)
      await context.unroute(isData)
      const returns = visited.map(async ({ path, page }) => {
        // Pages that are read again and again need no button.
        while ((await page.getByRole('alert').count()) > 0) {
          await page
            .getByRole('button', { name: 'Try again' })
            .first()
            .click({ timeout: 2_000 })
            .catch(() => {})
          await page.waitForTimeout(100)
        }
        for (const said of pages[path] ?? []) await page.getByRole('main').getByText(said).first().waitFor()
        await page.close()
      })
      await Promise.all(returns)
      await context.close()
    })
  }

  test('what is done while the server is gone says so beside its button, and keeps what was typed', async () => {
    const { page, open } = running
    const isWrite = (url: URL) => /^\/galerne\/v1\/(keys|models\/pull)$|^\/v1\/chat/.test(url.pathname)
    await open('/keys')
    await page.getByRole('button', { name: 'Make a key' }).click()
    await page.getByLabel('Name').fill('kept')
    await page.route(isWrite, (route) => (route.request().method() === 'GET' ? route.continue() : route.abort()))
    await page.getByRole('button', { name: 'Make it' }).click()
    await page.getByRole('dialog').getByText('The server does not answer').waitFor()
    assert.equal(await page.getByLabel('Name').inputValue(), 'kept')
    await open('/playground')
    await page.getByLabel('Message').fill('Hello')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('The server does not answer').waitFor()
    await open('/models')
    await page.getByRole('region', { name: 'Catalogue' }).getByRole('button', { name: /^Pull/ }).first().click()
    await page.getByRole('alert').getByText('The server does not answer').waitFor()
    await page.unroute(isWrite)
  })

  test('a session that ended elsewhere leads to the way in, and from there back to the same page', async () => {
    const context = await running.browser.newContext()
    const page = await context.newPage()
    await signIn(page, running.product.url, running.product.key)
    await context.clearCookies()
    await page.getByRole('link', { name: 'Keys' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.getByLabel('API key').fill(running.product.key)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor()
    await context.close()
  })
})
