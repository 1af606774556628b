// Brings a database to this version's tables, forward only, under a lock.

import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { fail } from '../base/errors.ts'
import { currentSchema, type Dialect } from './dialect.ts'
import { up as createKeys } from './migrations/0001-keys.ts'
import { up as createJobs } from './migrations/0002-jobs.ts'
import { up as createIdentity } from './migrations/0003-identity.ts'
import { up as createUsage } from './migrations/0004-usage.ts'
import { up as createPrices } from './migrations/0005-prices.ts'
import { up as createAudit } from './migrations/0009-audit.ts'
import { up as createFiles } from './migrations/0010-files.ts'
import type { Tables } from './tables.ts'

/** Every migration by name. Names sort in the order in which they run; one that was released never changes. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001-keys': { up: createKeys },
  '0002-jobs': { up: createJobs },
  '0003-identity': { up: createIdentity },
  '0009-audit': { up: createAudit },
  '0004-usage': { up: createUsage },
  '0005-prices': { up: createPrices },
  '0010-files': { up: createFiles },
}

/** Their names, in the order in which they run. */
export const migrationNames: readonly string[] = Object.keys(migrations).sort()

/**
 * Runs what is missing, in one transaction, and returns the names of what ran. Processes that start together wait for each other.
 * Throws `database_newer` where a later version of Galerne has been at work: its tables are not ours to touch.
 */
export async function migrate(database: Kysely<Tables>, dialect: Dialect, label: string): Promise<readonly string[]> {
  const schema = await currentSchema(dialect, database)
  await refuseNewer(database, schema, label)
  const migrator = new Migrator({
    db: database,
    provider: { getMigrations: async () => ({ ...migrations }) },
    ...(schema !== undefined && { migrationTableSchema: schema }),
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return results.map((result) => result.migrationName)
}

async function refuseNewer(database: Kysely<Tables>, schema: string | undefined, label: string): Promise<void> {
  const tables = await database.introspection.getTables({ withInternalKyselyTables: true })
  const ours = tables.some((table) => table.name === 'kysely_migration' && table.schema === schema)
  if (!ours) return
  const executed = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(database)
  const unknown = executed.rows.map((row) => row.name).filter((name) => !Object.hasOwn(migrations, name))
  if (unknown.length > 0) throw fail('database_newer', { database: label, migrations: unknown })
}
