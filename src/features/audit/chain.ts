// How an entry of the audit log is bound to the one before it, and how the whole chain is checked. Knows no route.

import { createHash } from 'node:crypto'
import type { Database } from '../../database/connect.ts'
import type { Row } from '../../database/tables.ts'

/** An entry as it lies in the table, without its own hash. */
export type Entry = Omit<Row<'audit_log'>, 'hash'>

/** What the first entry is bound to. */
export const genesis = '0'.repeat(64)

/** SHA-256 over the entry and the hash before it, in hexadecimal. A JSON list keeps the fields apart, whatever they hold. */
export function hashEntry(entry: Entry): string {
  const { previous, sequence, id, at, action, workspace, details } = entry
  const actor = [entry.actor_kind, entry.actor, entry.actor_person, entry.actor_account]
  const target = [entry.target_kind, entry.target]
  const text = JSON.stringify([previous, sequence, id, at, action, actor, workspace, target, details])
  return createHash('sha256').update(text).digest('hex')
}

/** What a check of the chain found. */
export interface Verification {
  readonly valid: boolean
  /** Entries that are in order, from the first on. */
  readonly entries: number
  /** Hash of the last of them. Kept elsewhere, it proves later that nothing before it was changed or cut off. */
  readonly head: string
  /** What is wrong, and at which entry. */
  readonly fault?: { readonly sequence: number; readonly reason: string }
}

/** A hash that somebody kept, and the entry it belongs to. */
export interface KeptHash {
  readonly sequence: number
  readonly hash: string
}

const batch = 1000

/** Recomputes every hash in order, and compares the end with the head and, where one was kept, with that hash. */
export async function verifyChain({ query }: Pick<Database, 'query'>, kept?: KeptHash): Promise<Verification> {
  // The head first: entries that are added while we read lie behind it.
  const head = await query.selectFrom('audit_head').selectAll().executeTakeFirst()
  let [entries, hash] = [0, genesis]
  const wrong = (sequence: number, reason: string) => ({
    valid: false,
    entries,
    head: hash,
    fault: { sequence, reason },
  })
  for (;;) {
    const rows = await query
      .selectFrom('audit_log')
      .selectAll()
      .where('sequence', '>', entries)
      .where('sequence', '<=', head?.sequence ?? 0)
      .orderBy('sequence')
      .limit(batch)
      .execute()
    for (const row of rows) {
      const { hash: stored, ...entry } = row
      if (row.sequence !== entries + 1) return wrong(entries + 1, 'the entry is missing')
      if (row.previous !== hash) return wrong(row.sequence, 'it is not bound to the entry before it')
      if (hashEntry(entry) !== stored) return wrong(row.sequence, 'it was changed')
      if (kept?.sequence === row.sequence && kept.hash !== stored)
        return wrong(row.sequence, 'it is not the entry whose hash was kept')
      ;[entries, hash] = [row.sequence, stored]
    }
    if (rows.length < batch) break
  }
  if (entries !== (head?.sequence ?? 0) || hash !== head?.hash)
    return wrong(entries + 1, 'entries at the end are missing')
  if (kept !== undefined && kept.sequence > entries)
    return wrong(kept.sequence, 'the entry whose hash was kept is missing')
  return { valid: true, entries, head: hash }
}
