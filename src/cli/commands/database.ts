// `galerne database`: what the database holds, and `database copy`, which moves it to another one.
import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { load } from '../../database/load.ts'
import { withSnapshot } from '../../database/snapshot.ts'
import { alone, databaseSettings, databaseUrl, rowProgress } from '../offline.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { printResult, table } from '../terminal.ts'

/** Adds the command and its subcommand. */
export function addDatabaseCommand(program: Command): void {
  const database = program.command('database').summary('see what the database holds, or copy it to another one')
  addSettings(
    addJson(
      database
        .command('info')
        .summary('list its tables and their rows')
        .description('Lists the migrations that the database has had, its tables and how many rows they have.')
        .action(async (options: Record<string, unknown>) => await info(options)),
    ),
    databaseSettings,
  )
  addSettings(
    addJson(
      database
        .command('copy')
        .summary('copy everything to another database: SQLite to PostgreSQL, or back')
        .description(
          'Copies one moment of the database to an empty one and compares rows and digests. The source stays as it is, and what a\n' +
            'running server writes meanwhile is not in the copy: stop it first, copy, and start it with the new database-url.',
        )
        .requiredOption('--to <url>', 'Where to: postgres://user@host/name or sqlite:<path>.')
        .option('--force', 'Replace what the other database holds.')
        .action(async (options: Record<string, unknown>) => await copy(options)),
    ),
    databaseSettings,
  )
}

async function info(options: Readonly<Record<string, unknown>>): Promise<void> {
  const { config } = configFrom(options)
  const found = await withSnapshot(databaseUrl(config), async ({ migrations, tables }) => ({ migrations, tables }))
  printResult(options['json'] === true, found, () =>
    table([['table', 'rows'], ...found.tables.map(({ name, rows }) => [name, String(rows)])]),
  )
}

async function copy(options: Readonly<Record<string, unknown>>): Promise<void> {
  const json = options['json'] === true
  const { config } = configFrom(options)
  const [from, to] = [databaseUrl(config), String(options['to'])]
  if (from === to) throw fail('invalid_value', { param: 'to', reason: 'it is the database itself' })
  const onProgress = json ? undefined : rowProgress(systemClock.elapsed)
  const force = options['force'] === true
  const loaded = await alone(config, () =>
    withSnapshot(from, (snapshot) => load(to, snapshot, { force, ...(onProgress !== undefined && { onProgress }) })),
  )
  const rows = loaded.tables.reduce((sum, { rows }) => sum + rows, 0)
  printResult(json, loaded, () =>
    [
      table([
        ['table', 'rows', 'sha256'],
        ...loaded.tables.map(({ name, rows, digest }) => [name, String(rows), digest]),
      ]),
      `${rows} rows are there, the same in number and content. Start the server with the new database-url.`,
    ].join('\n'),
  )
}
