// `galerne config`: the effective settings and where each was set.
import type { Command } from 'commander'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { printResult, table } from '../terminal.ts'

/** Adds the command. */
export function addConfigCommand(program: Command): void {
  const command = program
    .command('config')
    .summary('show the effective settings and where each comes from')
    .description(
      'Shows every setting, its effective value and where it was set. One name in all places, the later one wins:\n' +
        'default, galerne.yaml (port: 7000), variable (GALERNE_PORT=7000), flag (--port 7000). Secrets are masked.',
    )
    .action((options: Record<string, unknown>) => {
      const { origins } = configFrom(options)
      printResult(options['json'] === true, origins, () =>
        table([
          ['setting', 'value', 'set by'],
          ...origins.map(({ name, shown, origin }) => [name, shown ?? '-', origin]),
        ]),
      )
    })
  addJson(addSettings(command))
}
