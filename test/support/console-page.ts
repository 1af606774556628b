// A real server with its console open in a real browser, signed in with the server's key; and a hard look at a page.
import assert from 'node:assert/strict'
import type { Browser, Page } from 'playwright-core'
import { chooseTheme, listenForFaults, startBrowser, takePictures, violations } from './browser.ts'
import { type RunningProduct, startProduct } from './product.ts'

/** The console, opened. */
export interface OpenConsole {
  readonly product: RunningProduct
  readonly browser: Browser
  readonly page: Page
  /** What the page complained of so far. */
  readonly faults: readonly string[]
  open(path: string): Promise<void>
  /** Waits for a page by its title. */
  heading(name: string): Promise<void>
  /** A call with the server's key, past the browser. */
  call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>
  close(): Promise<void>
}

/** A string that must stay one. */
export const attack = '<img src=x onerror="document.title=`taken`"><script>document.title="taken"</script>'

/** Starts both. */
export async function openConsole(
  flags: readonly string[],
  environment: Record<string, string> = {},
): Promise<OpenConsole> {
  const product = await startProduct(flags, environment)
  const browser = await startBrowser()
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light' })
  const page = await context.newPage()
  page.setDefaultTimeout(120_000)
  const faults = listenForFaults(page, product.url)
  await signIn(page, product.url, product.key)
  return {
    ...{ product, browser, page, faults },
    async open(path) {
      await page.goto(`${product.url}${path}`)
    },
    heading: (name) => page.getByRole('heading', { level: 1, name }).waitFor(),
    async call(method, path, body) {
      const headers = { authorization: `Bearer ${product.key}`, 'content-type': 'application/json' }
      const answer = await fetch(`${product.url}${path}`, {
        ...{ method, headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
      return (await answer.json()) as Record<string, unknown>
    },
    async close() {
      await browser.close()
      await product.stop()
    },
  }
}

/** The way in, with a key. */
export async function signIn(page: Page, url: string, key: string): Promise<void> {
  await page.goto(url)
  await page.getByLabel('API key').fill(key)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
}

/**
 * Looks at the page as it is, in light and dark, at 1280 and at 375 pixels: no rule of accessibility is broken, nothing is wider than the
 * screen, and each look is kept as a picture.
 */
export async function lookAt(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await chooseTheme(page, colorScheme)
    assert.deepEqual(await violations(page), [], `${name}, ${colorScheme}`)
  }
  await takePictures(page, name)
  await page.setViewportSize({ width: 375, height: 760 })
  await takePictures(page, `${name}-narrow`)
  const widerNow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  // What is drawn follows its place a moment later.
  for (let looks = 0; looks < 100 && (await widerNow()) > 0; looks++) await page.waitForTimeout(100)
  const wider = await widerNow()
  const broken = await violations(page)
  await page.setViewportSize({ width: 1280, height: 860 })
  assert.ok(wider <= 0, `${name} is ${wider} pixels wider than a narrow screen`)
  assert.deepEqual(broken, [], `${name}, narrow`)
}
