// `galerne reprice`: costs of the past, computed again with the prices that hold now for that time.
import type { Command } from 'commander'
import type { Static } from 'typebox'
import type { RepriceReport } from '../../wire/prices.ts'
import { addRemote, ask, type Options, withServer } from '../remote.ts'
import { printResult, table } from '../terminal.ts'

type Report = Static<typeof RepriceReport>

/** Adds the command. */
export function addRepriceCommand(program: Command): void {
  const command = program
    .command('reprice')
    .summary('compute the costs of the past again')
    .description(
      'Computes the costs of calls again with the prices that hold now for their time, and moves every sum with them. --plan says what\n' +
        'would change. Whoever stops it half-way runs it again.',
    )
    .option('--from <time>', 'First day or time in UTC: 2026-11-01; the beginning without it.')
    .option('--to <time>', 'Where it ends; now without it.')
    .option('--model <name>', 'Only this model.')
    .option('--plan', 'Say what would change, and change nothing.')
    .action(async (options: Options) => {
      const given = Object.fromEntries(['from', 'to', 'model', 'plan'].map((name) => [name, options[name]]))
      const report = await withServer(options, (server) => ask<Report>(server, 'POST', '/galerne/v1/reprice', given))
      printResult(options['json'] === true, report, () => text(report))
    })
  addRemote(command)
}

function text({ data, plan }: Report): string {
  if (data.length === 0) return 'There were no calls in that time.'
  const rows = data.map(({ model, calls, changed, before, after, difference, currency }) => [
    model,
    ...[calls, changed].map(String),
    ...[before, after, difference].map((amount) => `${amount} ${currency}`),
  ])
  return table([['model', 'calls', plan ? 'would change' : 'changed', 'before', 'after', 'difference'], ...rows])
}
