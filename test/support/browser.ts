// A real browser for tests: Debian's Chromium, or the one that GALERNE_TEST_BROWSER names. Where there is none, tests say so and skip.
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, chromium, type Page } from 'playwright-core'

const candidates = [process.env['GALERNE_TEST_BROWSER'], '/usr/bin/chromium', '/usr/bin/google-chrome']

/** The browser's path; undefined on a machine without one. */
export const browserPath = candidates.find((path) => path !== undefined && existsSync(path))

/** Why tests in a browser are left out; false where they run. */
export const noBrowser =
  browserPath === undefined && 'there is no Chromium (Debian: apt-get install chromium, or GALERNE_TEST_BROWSER=<path>)'

/** Screenshots of each page are kept here, to be looked at. */
const screenshots = join(dirname(dirname(import.meta.dirname)), '.ci/output/screenshots')

/** Starts it; `--no-sandbox` because CI runs as root, and nothing but our own page is opened. */
export async function startBrowser(): Promise<Browser> {
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run']
  return await chromium.launch({
    ...(browserPath !== undefined && { executablePath: browserPath }),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', ...quiet],
  })
}

/** What a page complained of: errors of scripts, refused policies, requests to elsewhere. */
export function listenForFaults(page: Page, origin: string): readonly string[] {
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:'))
      faults.push(`asked ${request.url()}`)
  })
  return faults
}

/** Violations of accessibility rules, in words; empty where there are none. */
export async function violations(page: Page): Promise<readonly string[]> {
  const { violations: found } = await new AxeBuilder({ page }).analyze()
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`)
}

/** Has the system ask for light or dark, and waits until the page follows. */
export async function chooseTheme(page: Page, theme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
  await page.locator(`html[data-theme=${theme}]`).waitFor()
}

/** Keeps a picture of the page as it is, in light and dark. */
export async function takePictures(page: Page, name: string): Promise<void> {
  await mkdir(screenshots, { recursive: true })
  for (const theme of ['dark', 'light'] as const) {
    await chooseTheme(page, theme)
    await page.screenshot({ path: join(screenshots, `${name}-${theme}.png`), animations: 'disabled' })
  }
}
