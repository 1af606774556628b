// `galerne migrate`: brings the database to this version's tables without starting a server, or says what that would run.
import type { Command } from 'commander'
import { connect, withDatabase } from '../../database/connect.ts'
import { type PlannedMigration, planMigrations } from '../../database/migrate.ts'
import { alone, databaseSettings, databaseUrl } from '../offline.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { printResult } from '../terminal.ts'

/** Adds the command. */
export function addMigrateCommand(program: Command): void {
  const command = program
    .command('migrate')
    .summary("bring the database to this version's tables, as a start does")
    .description(
      'Runs the migrations that the database has not had, in one transaction. "galerne serve" does the same when it starts.\n' +
        'With --plan it prints their SQL and changes nothing.',
    )
    .option('--plan', 'Print the SQL of what would run; change nothing.')
    .action(async (options: Record<string, unknown>) => {
      const json = options['json'] === true
      const { config } = configFrom(options)
      const url = databaseUrl(config)
      if (options['plan'] === true) {
        const plan = await withDatabase(url, ({ query, dialect, label }) => planMigrations(query, dialect, label))
        return printResult(json, plan, () => describePlan(plan))
      }
      await alone(config, async () => {
        const { migrated, label, close } = await connect(url)
        await close()
        printResult(json, { database: label, migrated }, () =>
          migrated.length === 0 ? `${label} is up to date.` : `${label}: ran ${migrated.join(', ')}.`,
        )
      })
    })
  addJson(addSettings(command, databaseSettings))
}

function describePlan(plan: readonly PlannedMigration[]): string {
  if (plan.length === 0) return '-- Nothing to run: the database is up to date.'
  return plan.map(({ name, statements }) => [`-- ${name}`, ...statements].join('\n')).join('\n\n')
}
