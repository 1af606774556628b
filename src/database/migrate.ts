// Brings a database to this version's tables, forward only, under a lock.

import { DummyDriver, Kysely, type Dialect as KyselyDialect, PostgresDialect, SqliteDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { fail } from '../base/errors.ts'
import { currentSchema, type Dialect } from './dialect.ts'
import { up as createKeys } from './migrations/0001-keys.ts'
import { up as createJobs } from './migrations/0002-jobs.ts'
import { up as createIdentity } from './migrations/0003-identity.ts'
import { up as createUsage } from './migrations/0004-usage.ts'
import { up as createPrices } from './migrations/0005-prices.ts'
import { up as createLimits } from './migrations/0006-limits.ts'
import { up as createReservations } from './migrations/0007-reservations.ts'
import { up as createAudit } from './migrations/0009-audit.ts'
import { up as createFiles } from './migrations/0010-files.ts'
import { up as createBatches } from './migrations/0011-batches.ts'
import { up as createTraces } from './migrations/0012-traces.ts'
import { up as createPrompts } from './migrations/0013-prompts.ts'
import { up as createUsageTotals } from './migrations/0014-usage-totals.ts'
import { up as createAliases } from './migrations/0015-aliases.ts'
import { up as createShares } from './migrations/0017-shares.ts'
import { up as extendTraces } from './migrations/0018-tracing.ts'
import { up as indexRefusals } from './migrations/0019-refusals.ts'
import { up as addPayers } from './migrations/0020-payers.ts'
import { up as addWebhookKeys } from './migrations/0021-webhook-keys.ts'
import type { Tables } from './tables.ts'

/** Every migration by name. Names sort in the order in which they run; one that was released never changes. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001-keys': { up: createKeys },
  '0002-jobs': { up: createJobs },
  '0003-identity': { up: createIdentity },
  '0004-usage': { up: createUsage },
  '0005-prices': { up: createPrices },
  '0006-limits': { up: createLimits },
  '0007-reservations': { up: createReservations },
  '0009-audit': { up: createAudit },
  '0010-files': { up: createFiles },
  '0011-batches': { up: createBatches },
  '0012-traces': { up: createTraces },
  '0013-prompts': { up: createPrompts },
  '0015-aliases': { up: createAliases },
  '0017-shares': { up: createShares },
  '0018-tracing': { up: extendTraces },
  '0019-refusals': { up: indexRefusals },
  '0020-payers': { up: addPayers },
  '0021-webhook-keys': { up: addWebhookKeys },
  '0014-usage-totals': { up: createUsageTotals },
}

/** The names of all migrations in the order in which they run. */
export const migrationNames: readonly string[] = Object.keys(migrations).sort()

/**
 * Runs what is missing, in one transaction, and returns the names of what ran. Processes that start together wait for each other.
 * Throws `database_newer` where a later version of Galerne has been at work: its tables are not ours to touch. `only` leaves out
 * migrations that a backup of an earlier version has not had.
 */
export async function migrate(
  database: Kysely<Tables>,
  dialect: Dialect,
  label: string,
  only: readonly string[] = migrationNames,
): Promise<readonly string[]> {
  refuseNewer(await executedMigrations(database, dialect), label)
  const schema = await currentSchema(dialect, database)
  const wanted = Object.entries(migrations).filter(([name]) => only.includes(name))
  const migrator = new Migrator({
    db: database,
    provider: { getMigrations: async () => Object.fromEntries(wanted) },
    ...(schema !== undefined && { migrationTableSchema: schema }),
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return results.map((result) => result.migrationName)
}

/** The names of the migrations that this database has had; none where it is empty, or another program's. */
export async function executedMigrations(database: Kysely<Tables>, dialect: Dialect): Promise<readonly string[]> {
  const schema = await currentSchema(dialect, database)
  const tables = await database.introspection.getTables({ withInternalKyselyTables: true })
  const ours = tables.some((table) => table.name === 'kysely_migration' && table.schema === schema)
  if (!ours) return []
  const executed = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(database)
  return executed.rows.map((row) => row.name)
}

/** Throws `database_newer` where one of the migrations is not known to this version. */
export function refuseNewer(executed: readonly string[], label: string): void {
  const unknown = executed.filter((name) => !Object.hasOwn(migrations, name))
  if (unknown.length > 0) throw fail('database_newer', { database: label, migrations: unknown })
}

/** One migration that a start would run. */
export interface PlannedMigration {
  readonly name: string
  /** Its statements in order, as this database would get them. What a migration makes of the rows it finds cannot be known here. */
  readonly statements: readonly string[]
}

/** What `migrate` would run, as SQL; the database is only asked which migrations it has had. */
export async function planMigrations(
  database: Kysely<Tables>,
  dialect: Dialect,
  label: string,
): Promise<readonly PlannedMigration[]> {
  const executed = await executedMigrations(database, dialect)
  refuseNewer(executed, label)
  const pending = migrationNames.filter((name) => !executed.includes(name))
  return await Promise.all(
    pending.map(async (name) => {
      const statements: string[] = []
      const recorder = new Kysely<never>({
        dialect: recordingDialect(dialect),
        log: ({ query }) => void statements.push(written(query.sql, query.parameters)),
      })
      await migrations[name]?.up(recorder)
      return { name, statements }
    }),
  )
}

/** Writes a database's SQL and sends it nowhere. */
function recordingDialect({ name }: Dialect): KyselyDialect {
  const real = name === 'sqlite' ? new SqliteDialect({ database: unopened }) : new PostgresDialect({ pool: unopened })
  return {
    createAdapter: () => real.createAdapter(),
    createDriver: () => new DummyDriver(),
    createQueryCompiler: () => real.createQueryCompiler(),
    createIntrospector: (database) => real.createIntrospector(database),
  }
}

const unopened = (): never => {
  throw new Error('a plan opens no connection')
}

function written(statement: string, parameters: readonly unknown[]): string {
  return parameters.length === 0 ? `${statement};` : `${statement}; -- with ${JSON.stringify(parameters)}`
}
