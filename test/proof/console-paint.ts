// Tells how soon the console paints on loopback, at a first visit with an empty cache: the way in, then every page of somebody signed in.
// Figures for people to read; no test waits for a time.
import assert from 'node:assert/strict'
import type { Browser } from 'playwright-core'
import { startBrowser } from '../support/browser.ts'
import { signIn } from '../support/console-page.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { starterModel } from '../support/weights.ts'

const pages = [
  ...['/', '/playground', '/prompts', '/batches', '/files', '/traces', '/usage', '/models', '/me', '/keys', '/members'],
  ...['/limits', '/budgets', '/audit'],
]

interface Paint {
  readonly path: string
  /** First contentful paint, and when the page's own title stood there, in milliseconds after the navigation began. */
  readonly first: number
  readonly title: number
}

/** Visits each page five times (once when shortened); returns Markdown. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const product = await startProduct(['--model', await starterModel(), '--streams', '2', '--context-length', '1024'])
  const browser = await startBrowser()
  try {
    const visits = whole ? 5 : 1
    const state = await signedIn(browser, product)
    const rows: string[] = []
    let worst = 0
    for (const path of ['/ (not signed in)', ...pages]) {
      const paints: Paint[] = []
      for (let visit = 0; visit < visits; visit++) paints.push(await visitOnce(browser, product, path, state))
      worst = Math.max(worst, middle(paints.map(({ first }) => first)))
      rows.push(
        `| ${path} | ${middle(paints.map(({ first }) => first))} ms | ${middle(paints.map(({ title }) => title))} ms |`,
      )
    }
    if (whole) assert.ok(worst <= 1000, `a page painted after ${worst} ms`)
    return `Chromium without a window, the server with one model loaded on the same machine, an empty cache at each of ${visits} visits; medians. The aim is a
first paint within 1,000 ms.

| page | first contentful paint | its title is there |
| --- | --- | --- |
${rows.join('\n')}`
  } finally {
    await browser.close()
    await product.stop()
  }
}

type State = Awaited<ReturnType<typeof signedIn>>

async function signedIn(browser: Browser, { url, key }: RunningProduct) {
  const context = await browser.newContext()
  await signIn(await context.newPage(), url, key)
  const state = await context.storageState()
  await context.close()
  return state
}

/** A visit of a browser that has seen nothing of this server but its cookie. */
async function visitOnce(browser: Browser, { url }: RunningProduct, path: string, state: State): Promise<Paint> {
  const isStranger = path.includes(' ')
  const context = await browser.newContext(isStranger ? {} : { storageState: state })
  const page = await context.newPage()
  await page.goto(`${url}${path.split(' ')[0]}`)
  await page.getByRole('heading', { level: 1 }).waitFor()
  const title = Math.round(await page.evaluate(() => performance.now()))
  const first = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)
  assert.ok(first !== undefined, `${path} painted nothing`)
  await context.close()
  return { path, first: Math.round(first), title }
}

function middle(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0
}
