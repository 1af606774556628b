// `galerne backup`: writes all that the database holds into one file, while a server may be running.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { version } from '../../base/version.ts'
import { writeArchive } from '../../database/archive.ts'
import { withSnapshot } from '../../database/snapshot.ts'
import { alone, databaseSettings, databaseUrl, rowProgress } from '../offline.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { printResult } from '../terminal.ts'

/** Adds the command. */
export function addBackupCommand(program: Command): void {
  const command = program
    .command('backup <file>')
    .summary('write all that the database holds into one file, also while a server runs')
    .description(
      'Writes one moment of the database, SQLite or PostgreSQL, into a file that "galerne restore" reads into either. It stops\n' +
        'nobody: a server may go on. The file holds what the database holds, prompts included where a workspace keeps them;\n' +
        'stored files and weights in home are not in it.',
    )
    .action(async (file: string, options: Record<string, unknown>) => {
      const json = options['json'] === true
      const { config } = configFrom(options)
      const path = resolve(file)
      const url = databaseUrl(config)
      const facts = {
        galerne: version,
        created_at: new Date(systemClock.now()).toISOString(),
        database: url.startsWith('sqlite:') ? ('sqlite' as const) : ('postgres' as const),
      }
      const progress = json ? undefined : rowProgress(systemClock.elapsed)
      const tables = await alone(config, () =>
        withSnapshot(url, (snapshot) => writeArchive(path, snapshot, facts, progress)),
      )
      const rows = tables.reduce((sum, table) => sum + table.rows, 0)
      printResult(json, { file: path, ...facts, tables }, () => `${path}: ${rows} rows of ${tables.length} tables.`)
    })
  addJson(addSettings(command, databaseSettings))
}
