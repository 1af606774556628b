// `galerne restore`: fills a database with a backup, all of it or nothing.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { withArchive } from '../../database/archive.ts'
import { load } from '../../database/load.ts'
import { alone, databaseSettings, databaseUrl, rowProgress } from '../offline.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { printResult } from '../terminal.ts'

/** Adds the command. */
export function addRestoreCommand(program: Command): void {
  const command = program
    .command('restore <file>')
    .summary('fill the database with a backup')
    .description(
      'Fills an empty database, SQLite or PostgreSQL, with what "galerne backup" wrote, by this version or an earlier one, and\n' +
        'reads it back to compare. Until all is in and the same, the database stays as it was. The keys of the backup work;\n' +
        'their secrets are in nobody’s file but their owners’.',
    )
    .option('--force', 'Replace what the database holds.')
    .action(async (file: string, options: Record<string, unknown>) => {
      const json = options['json'] === true
      const { config } = configFrom(options)
      const path = resolve(file)
      const url = databaseUrl(config)
      const onProgress = json ? undefined : rowProgress(systemClock.elapsed)
      await alone(config, () =>
        withArchive(path, async (snapshot, { galerne, created_at }) => {
          const force = options['force'] === true
          const loaded = await load(url, snapshot, { force, ...(onProgress !== undefined && { onProgress }) })
          const rows = loaded.tables.reduce((sum, table) => sum + table.rows, 0)
          printResult(json, { file: path, galerne, created_at, ...loaded }, () =>
            [
              `${rows} rows of ${loaded.tables.length} tables, from a backup of ${created_at} (Galerne ${galerne}).`,
              ...(loaded.migrated.length > 0 ? [`Brought to this version by ${loaded.migrated.join(', ')}.`] : []),
            ].join('\n'),
          )
        }),
      )
    })
  addJson(addSettings(command, databaseSettings))
}
