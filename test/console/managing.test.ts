// Managing in a real browser: people, limits, budgets, the audit log, one's own key.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { noBrowser } from '../support/browser.ts'
import { attack, lookAt, type OpenConsole, openConsole, signIn } from '../support/console-page.ts'
import { starterModel } from '../support/weights.ts'

describe('managing in the console', { skip: noBrowser, timeout: 600_000 }, () => {
  let running: OpenConsole
  before(async () => {
    running = await openConsole(['--model', await starterModel(), '--streams', '2', '--context-length', '2048'])
  })
  after(() => running?.close())

  test('a person is invited by a link, joins, gets another role, and is removed', async () => {
    const { page, open } = running
    await open('/members')
    await page.getByText('Nobody is invited').waitFor()
    await page.getByRole('button', { name: 'Invite' }).click()
    await page.getByLabel('E-mail').fill('ada@example.org')
    await page.getByRole('dialog').getByRole('button', { name: 'Invite' }).click()
    const link = (await page.getByRole('dialog').locator('pre').textContent()) ?? ''
    assert.match(link, /^http:\/\/127\.0\.0\.1:\d+\/invitation\/[\w-]+$/)
    await page.getByRole('button', { name: 'I have it' }).click()
    await page.getByRole('row').filter({ hasText: 'ada@example.org' }).getByText('open').waitFor()
    const guest = await (await running.browser.newContext()).newPage()
    await guest.goto(link)
    await guest.getByLabel('Your name').fill(`Ada ${attack}`)
    await guest.getByLabel('Choose a password').fill('correct horse battery')
    await guest.getByRole('button', { name: 'Join' }).click()
    await guest.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
    await open('/members')
    const row = page.getByRole('region', { name: 'In this workspace' }).getByRole('row').filter({ hasText: 'Ada' })
    await row.getByRole('combobox').selectOption('Viewer')
    await page.getByRole('button', { name: 'New service account' }).click()
    await page.getByLabel('Name').fill('nightly')
    await page.getByRole('button', { name: 'Make it' }).click()
    await page.getByRole('dialog').getByText(/^gal_/).waitFor()
    await page.getByRole('button', { name: 'I have it' }).click()
    await page.getByRole('row').filter({ hasText: 'nightly' }).waitFor()
    await lookAt(page, 'members')
    await guest.goto(`${running.product.url}/keys`)
    await guest.getByRole('link', { name: 'Members' }).waitFor()
    assert.equal(await guest.getByRole('link', { name: 'Batches' }).count(), 0, 'a viewer runs no batches')
    await row.getByRole('button', { name: 'Remove' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await row.waitFor({ state: 'detached' })
    await guest.context().close()
  })

  test('a limit is set, refuses a key, is seen by its holder, changed and removed', async () => {
    const { page, open } = running
    const key = await running.call('POST', '/galerne/v1/keys', { name: `robot ${attack}` })
    await open('/limits')
    await page.getByText('Nothing is limited').waitFor()
    await page.getByRole('button', { name: 'Set a limit' }).click()
    await page.getByLabel('Whose').selectOption('One key')
    await page.getByLabel('Which key').selectOption({ value: String(key['id']) })
    await page.getByLabel('Requests/min').fill('7')
    await page.getByRole('button', { name: 'Save' }).click()
    const row = page.getByRole('row').filter({ hasText: 'robot' })
    await row.getByText('7', { exact: true }).waitFor()
    await lookAt(page, 'limits')
    await row.getByRole('button', { name: 'Change' }).click()
    await page.getByLabel('Requests/min').fill('9')
    await page.getByRole('button', { name: 'Save' }).click()
    await row.getByText('9', { exact: true }).waitFor()
    await row.getByRole('button', { name: 'Remove' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await page.getByText('Nothing is limited').waitFor()
    await page.getByRole('button', { name: 'Put into a tier' }).click()
    await page.getByLabel('Tier', { exact: true }).selectOption('Free')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('region', { name: 'Who is in which tier' }).getByText('Free').waitFor()
  })

  test('a budget says what it cannot do, is made, stands on the overview, is changed and removed', async () => {
    const { page, open } = running
    await open('/budgets')
    await page.getByText('No budget yet').waitFor()
    await page.getByRole('button', { name: 'Make a budget' }).click()
    await page.getByLabel('Amount').fill('12.50')
    await page.getByLabel('By mail to').fill('money@example.org')
    await page.getByRole('button', { name: 'Save' }).click()
    await page
      .getByRole('alert')
      .getByText(/smtp-url/)
      .waitFor()
    await page.getByLabel('By mail to').fill('')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Nobody is told').waitFor()
    await page.getByText(/of \D?12\.50/).waitFor()
    await lookAt(page, 'budgets')
    await page.getByRole('button', { name: 'Change' }).click()
    await page.getByLabel('Amount').fill('20')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText(/of \D?20\.00/).waitFor()
    await open('/')
    await page.getByRole('main').getByText('Tightest budget').waitFor()
    await page.getByText(/of \D?20\.00: Workspace/).waitFor()
    await lookAt(page, 'overview')
    await open('/budgets')
    await page.getByRole('button', { name: 'Remove' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await page.getByText('No budget yet').waitFor()
  })

  test('the audit log tells all of it, is whole, is filtered by the address and taken away', async () => {
    const { page, open } = running
    await open('/audit')
    await page.getByText(/^The log is whole: \d+ entries/).waitFor()
    await page.getByText('rate_limit.updated').first().waitFor()
    await lookAt(page, 'audit')
    await page.getByLabel('Act').fill('invite.sent')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByText('rate_limit.updated').first().waitFor({ state: 'detached' })
    assert.match(page.url(), /act=invite\.sent/)
    const waiting = page.waitForEvent('download')
    await page.getByRole('button', { name: 'CSV' }).click()
    assert.equal((await waiting).suggestedFilename(), 'audit-log.csv')
    await page.getByLabel('Act').fill('nothing.like.it')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByText('Nothing fits these filters').waitFor()
  })

  test('a holder sees with the key alone what it may, its limits and what is left', async () => {
    const made = await running.call('POST', '/galerne/v1/keys', { name: 'holder', role: 'member' })
    await running.call('PUT', '/galerne/v1/limits', {
      ...{ scope: 'key', subject: made['id'], tokens_per_month: 5000, requests_per_minute: 60 },
    })
    await running.call('POST', '/galerne/v1/budgets', { scope: 'key', subject: made['id'], amount: 3 })
    const context = await running.browser.newContext({ viewport: { width: 1280, height: 860 } })
    const holder = await context.newPage()
    await signIn(holder, running.product.url, String(made['secret']))
    assert.equal(await holder.getByRole('link', { name: 'Audit' }).count(), 0)
    await holder.getByRole('link', { name: 'My key' }).click()
    await holder.getByRole('heading', { level: 1, name: 'holder' }).waitFor()
    await holder.getByText('No call here').waitFor()
    await holder.getByText('models.use', { exact: true }).waitFor()
    await lookAt(holder, 'my-key')
    await context.close()
  })

  test('no page asked elsewhere, broke a policy or ran a stranger’s script', async () => {
    assert.deepEqual(running.faults, [])
    assert.notEqual(await running.page.title(), 'taken')
  })
})
