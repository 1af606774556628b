// `galerne version`: what is installed, for bug reports.
import type { Command } from 'commander'
import { version } from '../../base/version.ts'
import { addJson } from '../settings.ts'
import { printResult, table } from '../terminal.ts'

/** Adds the command. */
export function addVersionCommand(program: Command): void {
  const command = program
    .command('version')
    .summary('show what is installed')
    .description('Shows the versions of Galerne, Node and the platform.')
    .action((options: { json?: boolean }) => {
      const facts = { galerne: version, node: process.versions.node, platform: `${process.platform}-${process.arch}` }
      printResult(options.json, facts, () => table(Object.entries(facts)))
    })
  addJson(command)
}
