// `galerne version`: what is installed, for bug reports.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { addJson } from '../settings.ts'
import { printResult, table } from '../terminal.ts'

/** Galerne's own version, from package.json. */
export function productVersion(): string {
  const path = new URL('../../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

/** Adds the command. */
export function addVersionCommand(program: Command): void {
  const command = program
    .command('version')
    .summary('show what is installed')
    .description('Shows the versions of Galerne, Node and the platform.')
    .action((options: { json?: boolean }) => {
      const facts = {
        galerne: productVersion(),
        node: process.versions.node,
        platform: `${process.platform}-${process.arch}`,
      }
      printResult(options.json, facts, () => table(Object.entries(facts)))
    })
  addJson(command)
}
