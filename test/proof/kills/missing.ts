// Looks in the database for what the server had acknowledged, and for what does not add up. Knows tables, no client.

import { sql } from 'kysely'
import type { Database } from '../../../src/database/connect.ts'
import { verifyChain } from '../../../src/features/audit/chain.ts'
import { sumWidths } from '../../../src/features/usage/store.ts'
import type { Acknowledged } from './write-load.ts'

/** Ids of what was acknowledged and is not there. */
export interface Missing {
  readonly keys: readonly string[]
  readonly revocations: readonly string[]
  readonly calls: readonly string[]
}

/** Compares the database with what was acknowledged. */
export async function findMissing({ query }: Database, { made, revoked, calls }: Acknowledged): Promise<Missing> {
  const keys = await query.selectFrom('keys').select(['id', 'revoked_at']).execute()
  const there = new Set(keys.map(({ id }) => id))
  const gone = new Set(keys.filter(({ revoked_at }) => revoked_at !== null).map(({ id }) => id))
  const rows = await query.selectFrom('usage').select('request_id').execute()
  const counted = new Set(rows.map(({ request_id }) => request_id))
  return {
    keys: [...made].filter((id) => !there.has(id)),
    revocations: [...revoked].filter((id) => !gone.has(id)),
    calls: [...calls].filter((id) => !counted.has(id)),
  }
}

/** What is wrong with the database as it lies there: the chain of the audit log, acts without an entry, sums that are not their rows', damage. */
export async function findFaults(database: Database, { made }: Acknowledged): Promise<readonly string[]> {
  const faults: string[] = []
  const { query, dialect } = database
  const chain = await verifyChain(database)
  if (!chain.valid) faults.push(`audit log: entry ${chain.fault?.sequence}: ${chain.fault?.reason}`)
  const entries = await query.selectFrom('audit_log').select('target').execute()
  const told = new Set(entries.map(({ target }) => target))
  const silent = [...made].filter((id) => !told.has(id))
  if (silent.length > 0) faults.push(`${silent.length} keys have no entry in the audit log`)
  for (const [name, width] of Object.entries(sumWidths)) {
    const { rows } = await sql<{ calls: number; tokens: number }>`select
      coalesce(sum(requests), 0) - (select count(*) from usage) as calls,
      coalesce(sum(completion_tokens), 0) - (select coalesce(sum(completion_tokens), 0) from usage) as tokens
      from usage_sums where width = ${width}`.execute(query)
    const totals = await sql<{ calls: number; cost: number }>`select
      coalesce(sum(requests), 0) - (select coalesce(sum(requests), 0) from usage_sums where width = ${width}) as calls,
      coalesce(sum(cost), 0) - (select coalesce(sum(cost), 0) from usage_sums where width = ${width}) as cost
      from usage_totals where width = ${width}`.execute(query)
    const [off] = totals.rows
    if (Number(off?.calls) !== 0 || Number(off?.cost) !== 0) {
      faults.push(`the totals per ${name} are off by ${off?.calls} calls and ${off?.cost} nano-units`)
    }
    const [difference] = rows
    if (Number(difference?.calls) !== 0 || Number(difference?.tokens) !== 0) {
      faults.push(`the sums per ${name} are off by ${difference?.calls} calls and ${difference?.tokens} tokens`)
    }
  }
  if (dialect.name === 'sqlite') {
    const { rows } = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(query)
    if (rows[0]?.integrity_check !== 'ok') faults.push(`SQLite: ${rows[0]?.integrity_check}`)
  }
  return faults
}
