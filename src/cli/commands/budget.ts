// `galerne budget`: shows and sets budgets of the running server.
import type { Command } from 'commander'
import { numberOf } from '../numbers.ts'
import { addRemote, askAll, type Options, spanSeconds, withServer } from '../remote.ts'
import { printResult, table } from '../terminal.ts'
import { call, partyOf, whose } from './limits.ts'

interface Budget {
  readonly id: string
  readonly scope: string
  readonly subject: string
  readonly amount: number
  readonly currency: string
  readonly period: string
  readonly hard: boolean
  readonly spent: number
  readonly reserved: number
  readonly thresholds: readonly number[]
  /** Only where it is new. */
  readonly webhook_secret?: string
}

/** Adds the command. */
export function addBudgetCommand(program: Command): void {
  const budget = program.command('budget').summary('show and set budgets, and who is told on the way there')
  addRemote(budget.command('list', { isDefault: true }).description('Lists budgets and how they stand.')).action(
    async (options: Options) => {
      const list = await withServer(options, (server) => askAll<Budget>(server, '/galerne/v1/budgets'))
      printResult(options['json'] === true, list, () => (list.length === 0 ? 'There are no budgets.' : show(list)))
    },
  )
  const set = budget
    .command('set <amount>')
    .description('Makes a budget in the currency of the server, or changes the one that --id names.')
    .option('--id <budget>', 'Change this budget.')
    .option('--period <period>', 'day, week, month, year or ever; month without it.')
    .option('--time-zone <name>', 'IANA name of its calendar, Europe/Paris; UTC without it.')
    .option('--soft', 'Alert, and refuse nothing.')
    .option('--hard', 'Refuse what might pass it, as without either.')
    .option('--alert-at <percent...>', 'Percentages at which an alert is sent.')
    .option('--webhook <address>', 'Post alerts there, signed with a secret that is shown this once; "none" ends it.')
    .option('--email <address...>', 'Mail alerts there; "none" ends it.')
  addRemote(whose(set)).action(async (amount: string, options: Options) => {
    const { id, period, timeZone, alertAt, webhook, email } = options as Record<string, string & string[]>
    const body = {
      ...(id === undefined && partyOf(options)),
      amount: numberOf(amount),
      ...(period !== undefined && { period }),
      ...(timeZone !== undefined && { time_zone: timeZone }),
      ...(options['soft'] === true && { hard: false }),
      ...(options['hard'] === true && { hard: true }),
      ...(alertAt !== undefined && { thresholds: alertAt.map(numberOf) }),
      ...(webhook !== undefined && { webhook: webhook === 'none' ? null : webhook }),
      ...(email !== undefined && { emails: email.filter((address) => address !== 'none') }),
    }
    const path = id === undefined ? '/galerne/v1/budgets' : `/galerne/v1/budgets/${encodeURIComponent(id)}`
    const made = (await call(options, 'POST', path, body)) as Budget
    printResult(options['json'] === true, made, () => shownWithSecret(made))
  })
  const rotating = budget
    .command('rotate-secret <id>')
    .description("Replaces the secret that the messages of a budget's webhook are signed with.")
    .option('--overlap <span>', 'How long the old one signs too: 0s, 12h.', '1d')
  addRemote(rotating).action(async (id: string, options: Options) => {
    const overlap_seconds = spanSeconds(String(options['overlap']))
    const path = `/galerne/v1/budgets/${encodeURIComponent(id)}/webhook-secret`
    const made = (await call(options, 'POST', path, { overlap_seconds })) as Budget
    printResult(options['json'] === true, made, () => shownWithSecret(made))
  })
  addRemote(budget.command('remove <id>').description('Removes a budget.')).action(
    async (id: string, options: Options) => {
      const removed = await call(options, 'DELETE', `/galerne/v1/budgets/${encodeURIComponent(id)}`)
      printResult(options['json'] === true, removed, () => 'Removed.')
    },
  )
}

function shownWithSecret(budget: Budget): string {
  const { webhook_secret: secret } = budget
  if (secret === undefined) return show([budget])
  return `${show([budget])}\n\nThe webhook's messages are signed with ${secret}\nKeep it now: it is not shown again.`
}

function show(budgets: readonly Budget[]): string {
  return table([
    ['budget', 'for', 'window', 'spent', 'reserved', 'of', 'kind', 'alerts at'],
    ...budgets.map(({ id, scope, subject, period, spent, reserved, amount, currency, hard, thresholds }) => [
      id,
      scope === 'organisation' ? scope : `${scope} ${subject}`,
      period,
      String(spent),
      String(reserved),
      `${amount} ${currency}`,
      hard ? 'hard' : 'soft',
      thresholds.map((threshold) => `${threshold} %`).join(', '),
    ]),
  ])
}
