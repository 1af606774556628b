// The console in a real browser against the real server and model: the way in, a chat, a comparison, a key, a trace from click to span.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { listenForFaults, noBrowser, startBrowser, takePictures, violations } from '../support/browser.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { starterModel } from '../support/weights.ts'

const root = dirname(dirname(import.meta.dirname))
const built = join(root, 'console/dist')
const attack = '<img src=x onerror="document.title=`taken`"><script>document.title="taken"</script>'

describe('the console', { skip: noBrowser, timeout: 900_000 }, () => {
  let product: RunningProduct
  let browser: Browser
  let page: Page
  let faults: readonly string[] = []
  before(async () => {
    product = await startProduct(['--model', await starterModel(), '--streams', '4', '--context-length', '2048'])
    browser = await startBrowser()
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light' })
    page = await context.newPage()
    page.setDefaultTimeout(120_000)
    faults = listenForFaults(page, product.url)
  })
  after(async () => {
    await browser?.close()
    await product?.stop()
  })
  const open = (path: string) => page.goto(`${product.url}${path}`)
  const call = async (method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${product.key}`, 'content-type': 'application/json' }
    const sent = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const answer = await fetch(`${product.url}${path}`, sent)
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
    return (await answer.json()) as Record<string, unknown>
  }
  const heading = (name: string) => page.getByRole('heading', { level: 1, name }).waitFor()

  test('a stranger sees the way in, a wrong key is refused in words, the right one opens', async () => {
    await open('/')
    await page.getByLabel('API key').fill('gal_wrong_0123456789abcdef0123456789')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByText('No such key').waitFor()
    assert.deepEqual(await violations(page), [])
    await takePictures(page, 'sign-in')
    await page.getByLabel('API key').fill(product.key)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await heading('Overview')
    assert.equal(await page.evaluate(() => document.cookie), '', 'no script reads the cookie')
    assert.ok(
      !(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).includes(product.key),
    )
  })

  test('a question is answered as it is written, with its figures; four models stand side by side', async () => {
    await open('/playground')
    await page.getByLabel('Most tokens').fill('24')
    await page.getByLabel('Message').fill(`What is the capital of France? ${attack}`)
    await page.keyboard.press('Enter')
    await page.getByText('tokens/s').first().waitFor()
    for (let column = 0; column < 3; column++) await page.getByRole('button', { name: 'Compare' }).click()
    assert.equal(await page.getByRole('button', { name: 'Compare' }).isDisabled(), true)
    await page.getByLabel('Message').fill('And of Italy?')
    await page.keyboard.press('Enter')
    await page.getByText('tokens/s').nth(4).waitFor()
    await page.getByRole('button', { name: 'View code' }).click()
    await page.getByRole('dialog').getByText('/v1/chat/completions').waitFor()
    await page.getByRole('combobox', { name: 'View code' }).selectOption('TypeScript (mistralai)')
    await page.getByRole('dialog').getByText('@mistralai/mistralai').waitFor()
    await page.keyboard.press('Escape')
    assert.deepEqual(await violations(page), [])
    await takePictures(page, 'playground')
  })

  test('a question is asked again and written anew; answers and their code are copied; formulas stay as they are written', async () => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: product.url })
    const copied = () => page.evaluate(() => navigator.clipboard.readText())
    await open('/playground')
    await page.getByLabel('Most tokens').fill('8')
    const answers = page.getByRole('region', { name: /^Answer 1 to question/ })
    const ask = async (question: string) => {
      await page.getByLabel('Message').fill(question)
      await page.keyboard.press('Enter')
    }
    await ask('Say one.')
    await answers.getByText('tokens/s').waitFor()
    await ask('Say two.')
    await answers.nth(1).getByText('tokens/s').waitFor()
    const first = await answers.nth(1).getByRole('link').getAttribute('href')
    await page.getByRole('button', { name: 'Ask again' }).click()
    await answers.nth(1).getByText('tokens/s').waitFor()
    assert.equal(await answers.count(), 2)
    assert.notEqual(await answers.nth(1).getByRole('link').getAttribute('href'), first, 'another call')
    await page.getByRole('button', { name: 'Write it anew' }).first().click()
    await answers.first().waitFor({ state: 'detached' })
    assert.equal(await page.getByLabel('Message').inputValue(), 'Say one.')
    assert.ok(await page.getByLabel('Message').evaluate((field) => field === document.activeElement))
    await ask('Say three.')
    await answers.getByText('tokens/s').waitFor()
    await page.getByRole('button', { name: 'Copy the question' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    assert.equal(await copied(), 'Say three.')

    const formulas = [
      '\\(x^2 * y * z\\)',
      '$a_1 * b_2 * c_3$',
      '\\[\\int_0^1 \\_x\\_\\]',
      '$$\n\\frac{1}{2} \\\\ *a*\n$$',
    ]
    const code =
      'const price = /\\(\\$5\\)/\nprint("a very long line that scrolls inside of its block and breaks nothing around it, however long it is")\n'
    const said = `It costs $5 and *not* $10. ${formulas.join(' and ')}\n\n\`\`\`ts\n${code}\`\`\`\n`
    const answer = { state: 'done', text: said, reasoning: '', calls: [], likelihoods: [] }
    const content = {
      ...{ kind: 'playground', settings: {}, columns: [{ id: 'a', model: 'm' }] },
      turns: [{ id: '1', question: 'Write.', steps: { a: [{ answer }] } }],
    }
    const { id } = await call('POST', '/galerne/v1/shares', { title: 'formulas', content })
    await open(`/playground?share=${id}`)
    await answers.locator('em').getByText('not', { exact: true }).waitFor()
    assert.equal(await answers.locator('em').count(), 1)
    const shown = (await answers.textContent()) ?? ''
    for (const formula of formulas) assert.ok(shown.includes(formula), `${formula} in ${shown}`)
    await answers.getByRole('button', { name: 'Copy', exact: true }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    assert.equal(await copied(), code)
    await answers.getByRole('button', { name: 'Copy the answer' }).click()
    while ((await copied()) !== said) await page.waitForTimeout(20)
    assert.deepEqual(await violations(page), [])
    await takePictures(page, 'playground-formulas')
  })

  test('the code of a question runs as it stands: curl, and both vendors’ clients in Python and TypeScript', async (t) => {
    // Beside the clients, or they are not found.
    mkdirSync(join(root, '.cache'), { recursive: true })
    const folder = mkdtempSync(join(root, '.cache/code-'))
    const python = (name: string) => join(root, `.cache/python/${name}/bin/python`)
    /** How each is run. Clients are installed under names of their versions. */
    const ways: Readonly<Record<string, readonly [file: string, command: string, client?: readonly [string, string]]>> =
      {
        curl: ['a.sh', 'bash'],
        'Python (openai)': ['b.py', python('openai-3')],
        'Python (mistralai)': ['c.py', python('mistralai-3')],
        'TypeScript (openai)': ['d.ts', process.execPath, ["'openai'", "'openai-7'"]],
        'TypeScript (mistralai)': ['e.ts', process.execPath, ["'@mistralai/mistralai'", "'mistralai-2'"]],
      }
    const weather = {
      type: 'object',
      properties: {
        city_name: { type: 'string', enum: ['Paris', 'Lyon'] },
        when: {
          type: 'object',
          properties: { first_day: { type: 'integer', enum: [1, 2] } },
          required: ['first_day'],
          additionalProperties: false,
        },
      },
      required: ['city_name', 'when'],
      additionalProperties: false,
    }
    const tool = {
      type: 'function',
      function: { name: 'get_weather', description: "It's “here”.", parameters: weather },
    }
    await call('POST', '/v2/prompts', { name: 'code/test', definition: { content: 'Speak {{ language }}.' } })
    const stored = { prompt: 'code/test', promptVersion: '1', variables: '{"language":"English"}' }
    const cases = [
      {
        settings: {
          ...stored,
          system: 'Be \'brief\' \\ "kind".\n',
          schema: JSON.stringify(weather),
          seed: '7',
          maxTokens: '24',
          temperature: '0',
        },
        says: /city_name/,
      },
      {
        settings: {
          tools: JSON.stringify([tool]),
          toolChoice: 'required',
          maxTokens: '24',
          seed: '7',
          temperature: '0',
          logprobs: true,
        },
        // A model this small may talk to the end before it calls: then it was cut.
        says: /get_weather|tool_?calls?/i,
      },
    ]
    const model = ((await call('GET', '/v1/models'))['data'] as { id: string }[])[0]?.id
    try {
      for (const { settings, says } of cases) {
        const content = {
          kind: 'playground',
          settings,
          columns: [{ id: 'a', model }],
          turns: [{ id: '1', question: `Weather in Lyon? ${attack} é 🌊`, steps: {} }],
        }
        const { id } = await call('POST', '/galerne/v1/shares', { title: 'code', content })
        await open(`/playground?share=${id}`)
        await page.getByRole('button', { name: 'View code' }).click()
        const dialog = page.getByRole('dialog')
        for (const [kind, [file, command, client]] of Object.entries(ways)) {
          if (!existsSync(command) && command !== 'bash') {
            t.diagnostic(`${kind} was left out: run scripts/prepare-python.sh`)
            continue
          }
          await dialog.getByRole('combobox', { name: 'View code' }).selectOption(kind)
          const code = (await dialog.locator('pre').textContent()) ?? ''
          const path = join(folder, file)
          writeFileSync(path, client === undefined ? code : code.replace(...(client as [string, string])))
          const run = promisify(execFile)(command, [path], { env: { ...process.env, GALERNE_API_KEY: product.key } })
          const { stdout } = await run.catch((error: Error) => assert.fail(`${kind}: ${error.message}\n${code}`))
          assert.match(stdout, says, kind)
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('a key is made, shown once, used, and revoked', async () => {
    await open('/keys')
    await page.getByRole('button', { name: 'Make a key' }).click()
    await page.getByLabel('Name').fill(`laptop ${attack}`)
    await page.getByRole('button', { name: 'Make it' }).click()
    const secret = (await page.getByRole('dialog').locator('pre').textContent()) ?? ''
    assert.match(secret, /^gal_/)
    await page.getByRole('button', { name: 'I have it' }).click()
    assert.ok(!(await page.content()).includes(secret))
    const models = () => fetch(`${product.url}/v1/models`, { headers: { authorization: `Bearer ${secret}` } })
    assert.equal((await models()).status, 200)
    const row = page.getByRole('row').filter({ hasText: 'laptop' })
    await row.getByRole('button', { name: 'Revoke' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await row.getByText('revoked').waitFor()
    assert.equal((await models()).status, 401)
    assert.deepEqual(await violations(page), [])
    await takePictures(page, 'keys')
  })

  test('a call is a trace: from the list, by a filter in the address, to its span', async () => {
    await open('/traces')
    await page
      .getByRole('link', { name: /^chat / })
      .first()
      .waitFor()
    await page.getByLabel('Status').selectOption('Error')
    await page.getByText('Nothing fits').waitFor()
    assert.match(page.url(), /status=Error/)
    await page.getByLabel('Status').selectOption('')
    assert.deepEqual(await violations(page), [])
    await takePictures(page, 'traces')
    await page
      .getByRole('link', { name: /^chat / })
      .first()
      .click()
    await page.getByRole('button', { name: /^decode/ }).click()
    await page.getByText('gen_ai.usage.output_tokens').waitFor()
    assert.deepEqual(await violations(page), [])
    await takePictures(page, 'trace')
    await page.getByRole('link', { name: 'All traces' }).click()
    await page.getByLabel('Search expression').fill('model ~ 1')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByRole('alert').getByText('search_expression').waitFor()
  })

  test('usage counts what was used, and its figures lead to the calls', async () => {
    await open('/usage')
    await page.getByRole('table').waitFor()
    const link = page.getByRole('row').nth(1).getByRole('link').first()
    await takePictures(page, 'usage')
    assert.deepEqual(await violations(page), [])
    await link.click()
    await heading('Calls')
    assert.match(page.url(), /model=/)
  })

  test('models show what they take; one is unloaded and loaded again', async () => {
    await open('/models')
    const row = page.getByRole('row').filter({ hasText: 'ready' })
    await row.waitFor()
    assert.deepEqual(await violations(page), [])
    await takePictures(page, 'models')
    await row.getByRole('button', { name: 'Unload' }).click()
    await page.getByText('not loaded').waitFor()
    await page.getByRole('button', { name: 'Load', exact: true }).click()
    await page.getByRole('row').filter({ hasText: 'ready' }).waitFor()
  })

  test('French, dark, and narrow: every page works at 375 pixels', async () => {
    await page.setViewportSize({ width: 375, height: 760 })
    await open('/')
    await page.getByRole('button', { name: 'Menu' }).click()
    await page.getByRole('dialog').getByLabel('Language').selectOption('fr')
    await page.keyboard.press('Escape')
    await heading('Vue d’ensemble')
    const building = [
      '/playground',
      '/prompts',
      '/batches',
      '/files',
      '/traces',
      '/traces/compare',
      '/usage',
      '/usage/calls',
      '/models',
    ]
    const managing = ['/me', '/keys', '/members', '/limits', '/budgets', '/audit', '/nowhere']
    for (const path of ['/', ...building, ...managing]) {
      await open(path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      const wider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
      assert.equal(wider, false, `${path} is wider than the screen`)
      assert.deepEqual(await violations(page), [], path)
    }
    await takePictures(page, 'narrow')
    await page.setViewportSize({ width: 1280, height: 860 })
    await page.getByLabel('Langue').first().selectOption('en')
  })

  test('for whoever wants less motion, colours change at once and not level by level', async () => {
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
    await open('/prompts')
    await page.getByRole('heading', { level: 1 }).waitFor()
    const moving = await page.evaluate(() => {
      document.documentElement.dataset['theme'] = 'dark'
      const colourOf = (selector: string) => getComputedStyle(document.querySelector(selector) as Element).color
      return { title: colourOf('h1'), page: colourOf('html'), animations: document.getAnimations().length }
    })
    assert.deepEqual(moving, { title: 'rgb(231, 237, 241)', page: 'rgb(231, 237, 241)', animations: 0 })
  })

  test('the page asked nobody but this server, broke no policy, and ran no script of a stranger', async () => {
    assert.deepEqual(faults, [])
    assert.notEqual(await page.title(), 'taken')
  })

  test('an invitation opens with its link, and whoever accepts it is in, with what their role allows', async () => {
    const invited = await fetch(`${product.url}/v1/organization/invites`, {
      method: 'POST',
      headers: { authorization: `Bearer ${product.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'new@example.org', role: 'reader', projects: [{ id: 'default', role: 'member' }] }),
    })
    const { secret } = (await invited.json()) as { readonly secret: string }
    const guest = await (await browser.newContext()).newPage()
    await guest.goto(`${product.url}/invitation/${secret}`)
    await guest.getByText('new@example.org').waitFor()
    assert.deepEqual(await violations(guest), [])
    await guest.getByLabel('Your name').fill('New Person')
    await guest.getByLabel('Choose a password').fill('correct horse battery')
    await guest.getByRole('button', { name: 'Join' }).click()
    await guest.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
    await guest.getByText('new@example.org').waitFor()
    assert.equal(await guest.getByRole('link', { name: 'Keys' }).count(), 0, 'a member manages no keys')
    await guest.context().close()
  })

  test('signing out ends it', async () => {
    await open('/')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })
})

test('what a first visit loads is at most 300 kB, packed', { skip: noBrowser }, () => {
  const page = readFileSync(join(built, 'index.html'), 'utf8')
  const named = [...page.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css|svg))"/g)].map((match) => match[1] ?? '')
  // Pieces that the entry imports at once come with it.
  const entry = named.find((file) => file.startsWith('assets/') && file.endsWith('.js')) ?? ''
  const pieces = [...readFileSync(join(built, entry), 'utf8').matchAll(/from"\.\/([\w-]+\.js)"/g)].map(
    (match) => `assets/${match[1]}`,
  )
  const files = [...new Set([...named, ...pieces])]
  assert.ok(files.length > 3)
  assert.ok(globSync('assets/*.js', { cwd: built }).length > files.length, 'pages come when they are visited')
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(built, file))).length, 0)
  assert.ok(bytes <= 300_000, `${bytes} bytes`)
})
