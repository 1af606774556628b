// What strangers call things, on every page: nothing of it runs, nothing is fetched from elsewhere, and however long it is, no page scrolls
// sideways, on a telephone, a tablet or a desk, in light and dark, with each of the page's dialogs open.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { chooseTheme, noBrowser, takePictures, violations } from '../support/browser.ts'
import { type Contents, fillConsole, foreignOrigin } from '../support/console-contents.ts'
import { type OpenConsole, openConsole } from '../support/console-page.ts'
import { starterModel } from '../support/weights.ts'

const model = 'SmolLM2-135M-Instruct-fine-tuned-for-customer-support-of-the-whole-house-2026-11'

/** Every page that shows what somebody called something. */
const pages: Readonly<Record<string, (contents: Contents) => string>> = {
  overview: () => '/',
  playground: () => '/playground',
  share: ({ shareId }) => `/playground?share=${shareId}`,
  replay: ({ traceId }) => `/playground?trace=${traceId}`,
  prompts: () => '/prompts',
  prompt: ({ promptId }) => `/prompts/${promptId}`,
  'prompt-difference': ({ promptId }) => `/prompts/${promptId}?version=2&with=1`,
  batches: () => '/batches',
  files: () => '/files',
  traces: () => '/traces',
  trace: ({ traceId }) => `/traces/${traceId}`,
  'traces-compared': ({ traceId, otherTraceId }) => `/traces/compare?left=${traceId}&right=${otherTraceId}`,
  usage: () => '/usage?group=key&measure=cost',
  calls: () => '/usage/calls',
  models: () => '/models',
  me: () => '/me',
  keys: () => '/keys',
  members: () => '/members',
  limits: () => '/limits',
  budgets: () => '/budgets',
  audit: () => '/audit',
}

describe('names of strangers in the console', { skip: noBrowser, timeout: 900_000 }, () => {
  let running: OpenConsole
  let contents: Contents
  before(async () => {
    const flags = ['--model', `${model}=${await starterModel()}`, '--streams', '2', '--context-length', '2048']
    running = await openConsole(flags, { GALERNE_WEBHOOK_SECRET: 'a secret of both sides, 32 letters' })
    contents = await fillConsole(running)
  })
  after(() => running?.close())

  for (const [name, pathOf] of Object.entries(pages)) {
    test(`${name}: harmless, and as wide as the screen`, async () => {
      const { page, open } = running
      await open(pathOf(contents))
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.getByText('Loading…').first().waitFor({ state: 'detached' })
      for (const details of (await page.locator('main summary').all()).slice(0, 5)) await details.click()
      for (const width of [1280, 768, 375]) {
        await page.setViewportSize({ width, height: 800 })
        assert.deepEqual(await sideways(page), [], `${width} pixels`)
      }
      assert.deepEqual(await violations(page), [])
      await takePictures(page, `names-${name}`)
      await chooseTheme(page, 'dark')
      assert.deepEqual(await sideways(page), [], 'dark')
      await openDialogs(page)
      await chooseTheme(page, 'light')
      assert.deepEqual(await dangers(page), [])
      assert.notEqual(await page.title(), 'taken')
      assert.deepEqual(running.faults, [])
      await page.setViewportSize({ width: 1280, height: 860 })
    })
  }
})

/** What is wider than the screen, and what scrolls sideways inside it; lines of programs may. A chart follows its place a moment later. */
async function sideways(page: Page): Promise<readonly string[]> {
  for (let looks = 0; looks < 100 && (await widths(page)).length > 0; looks++) await delay(100)
  return await widths(page)
}

async function widths(page: Page): Promise<readonly string[]> {
  return await page.evaluate(() => {
    const named = (element: Element) => `${element.tagName} "${element.textContent?.slice(0, 60)}"`
    const { scrollWidth } = document.documentElement
    const wide = scrollWidth > innerWidth ? [`the page: ${scrollWidth} pixels`] : []
    const scrolling = [...document.querySelectorAll('body *')].filter(
      (element) =>
        /auto|scroll/.test(getComputedStyle(element).overflowX) &&
        element.scrollWidth > element.clientWidth + 1 &&
        !element.matches('pre, textarea'),
    )
    return [...wide, ...scrolling.map(named)]
  })
}

/** Opens one of each of the page's dialogs, and closes it again. */
async function openDialogs(page: Page): Promise<void> {
  const opened = new Set<string>()
  for (const button of await page.locator('main [aria-haspopup=dialog]').all()) {
    const name = (await button.textContent()) ?? ''
    if (opened.has(name) || !(await button.isEnabled())) continue
    opened.add(name)
    await button.click()
    const dialog = page.getByRole('dialog')
    await dialog.waitFor()
    await dialog.getByText('Loading…').waitFor({ state: 'detached' })
    assert.deepEqual(await sideways(page), [], `the dialog of "${name}"`)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
  }
}

/** Elements that a stranger's text must never become. */
async function dangers(page: Page): Promise<readonly string[]> {
  const wanted = `img:not([src^="/"]), iframe, object, embed, main style, main script, [onerror], [href^="javascript:" i], [href^="data:" i], [src^="${foreignOrigin}"]`
  return await page
    .locator(wanted)
    .evaluateAll((elements) => elements.map((element) => element.outerHTML.slice(0, 200)))
}
