// `galerne usage`: what was called and what it cost, from the sums of a running server.
import { type Command, Option } from 'commander'
import type { Static } from 'typebox'
import type { ReconcileReport, UsageReport } from '../../wire/usage-report.ts'
import { addRemote, ask, collect, type Options, withServer } from '../remote.ts'
import { printResult, table } from '../terminal.ts'

type Report = Static<typeof UsageReport>

const groups = ['workspace', 'key', 'model', 'provider', 'operation', 'class', 'member'] as const
const filters = ['workspace', 'key', 'model', 'member'] as const

/** Adds the command. */
export function addUsageCommand(program: Command): void {
  const command = program
    .command('usage')
    .enablePositionalOptions()
    .summary('say what was called and what it cost')
    .description(
      'Calls, tokens and costs of the last 30 days by day, or as asked. Whoever may see one workspace sees that one.',
    )
    .option('--from <time>', 'First day or time in UTC: 2026-11-01, 2026-11-01T10:00Z.')
    .option('--to <time>', 'Where it ends; now without it.')
    .addOption(
      new Option('--width <span>', 'Length of a span.').choices(['minute', 'hour', 'day', 'total']).default('day'),
    )
    .addOption(
      new Option('--by <group>', 'Tell these apart; may be given again.').choices([...groups]).argParser(collect),
    )
  for (const name of filters) command.option(`--${name} <id>`, `Only this ${name}; may be given again.`, collect)
  command
    .addOption(new Option('--class <class>', 'Only these.').choices(['interactive', 'batch']))
    .option('--csv', 'Print CSV, for spreadsheets.')
    .action(show)
  addRemote(command)
  const reconciling = command
    .command('reconcile')
    .summary('end the estimates of calls whose server died')
    .description(
      'A call whose server died is charged as reserved. This puts true costs in the place of estimates where they are known, which the\n' +
        'server also does by itself every minute.',
    )
    .option('--release', 'Charge nothing for the others that are older than an hour.')
    .action(reconcile)
  addRemote(reconciling)
}

async function reconcile(options: Options): Promise<void> {
  const body = { release: options['release'] === true }
  const report = await withServer(options, (server) =>
    ask<Static<typeof ReconcileReport>>(server, 'POST', '/galerne/v1/usage/reconcile', body),
  )
  const { reconciled, released, left } = report
  printResult(
    options['json'] === true,
    report,
    () => `${reconciled} reconciled, ${released} released, ${left} still charged as reserved.`,
  )
}

async function show(options: Options): Promise<void> {
  const query = new URLSearchParams()
  for (const name of ['from', 'to', 'width', 'class'] as const) {
    const value = options[name]
    if (typeof value === 'string') query.append(name, value)
  }
  const lists = { group_by: options['by'], ...Object.fromEntries(filters.map((name) => [name, options[name]])) }
  for (const [name, values] of Object.entries(lists)) {
    for (const value of (values ?? []) as readonly string[]) query.append(name, value)
  }
  if (options['csv'] === true) {
    query.append('format', 'csv')
    const text = await withServer(
      options,
      async (server) => await (await server.send(`/galerne/v1/usage?${query}`)).text(),
    )
    process.stdout.write(text)
    return
  }
  const report = await withServer(options, (server) => ask<Report>(server, 'GET', `/galerne/v1/usage?${query}`))
  printResult(options['json'] === true, report, () => text(report, (options['by'] ?? []) as readonly string[]))
}

function text({ data, from, to, width }: Report, by: readonly string[]): string {
  if (data.length === 0) return `Nothing was called from ${from} to ${to}.`
  const timed = width !== 'total'
  const rows = data.map((sum) => [
    ...(timed ? [width === 'day' ? (sum.start ?? '').slice(0, 10) : (sum.start ?? '').slice(0, 16)] : []),
    ...by.map((group) => String(Reflect.get(sum, group) ?? '–')),
    ...[sum.requests, sum.errors, sum.prompt_tokens, sum.cached_tokens, sum.completion_tokens].map(String),
    `${sum.cost} ${sum.currency}`,
  ])
  return table([[...(timed ? ['from'] : []), ...by, 'calls', 'errors', 'in', 'cached', 'out', 'cost'], ...rows])
}
