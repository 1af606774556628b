// Migration 14: sums of all workspaces and keys together, so that a question about the whole house reads a tenth of the rows.

import { type Kysely, sql } from 'kysely'

const dimensions = ['model', 'provider', 'operation', 'class', 'currency'] as const
const amounts = [
  ...(['requests', 'errors', 'estimated', 'prompt_tokens', 'cached_tokens', 'completion_tokens'] as const),
  ...(['reasoning_tokens', 'cost', 'duration_ms', 'queue_ms', 'first_token_ms', 'first_tokens'] as const),
]

/** Creates `usage_totals` and fills it from `usage_sums`. */
export async function up(database: Kysely<never>): Promise<void> {
  let table = database.schema
    .createTable('usage_totals')
    .addColumn('width', 'bigint', (column) => column.notNull())
    .addColumn('start', 'bigint', (column) => column.notNull())
  for (const name of dimensions) table = table.addColumn(name, 'text', (column) => column.notNull())
  for (const name of amounts) table = table.addColumn(name, 'bigint', (column) => column.notNull())
  // The builder's type forgets columns that a loop adds.
  const key = ['width', 'start', ...(dimensions as unknown as readonly never[])] as const
  await table.addPrimaryKeyConstraint('usage_totals_primary', [...key]).execute()
  const named = (names: readonly string[]) => sql.join(names.map((name) => sql.ref(name)))
  const group = named(['width', 'start', ...dimensions])
  const sums = sql.join(amounts.map((name) => sql`cast(sum(${sql.ref(name)}) as bigint)`))
  await sql`insert into usage_totals (${group}, ${named(amounts)}) select ${group}, ${sums} from usage_sums group by ${group}`.execute(
    database,
  )
}
