// The aliases in force, in memory: read when the server starts, and again whenever any node says that they changed.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import type { Tables } from '../../database/tables.ts'
import type { Alias } from './alias.ts'
import { readAliases } from './alias-store.ts'

/** What the registry asks. */
export interface AliasBook {
  /** The alias of that name. */
  of(name: string): Alias | undefined
  all(): readonly Alias[]
}

/** The aliases in force. */
export interface Aliases extends AliasBook {
  /** Says on every node, when the transaction commits, that they changed. */
  changed(transaction: Kysely<Tables>): Promise<void>
  /** Reads them now, so that whoever changed them finds them changed. */
  refresh(): Promise<void>
  /** Told after they were read, whoever changed them. */
  watch(listener: () => void): void
  close(): void
}

const channel = 'aliases'

/** Reads them. */
export async function openAliases(database: Pick<Database, 'query'>, notices: Notices): Promise<Aliases> {
  let known: ReadonlyMap<string, Alias> = new Map()
  let [begun, shown] = [0, 0]
  const listeners: (() => void)[] = []
  const refresh = async () => {
    begun += 1
    const turn = begun
    const read = await readAliases(database.query)
    // A read that began earlier and ends later knows less.
    if (turn < shown) return
    shown = turn
    known = new Map(read.map((alias) => [alias.name, alias]))
    for (const listener of listeners) listener()
  }
  await refresh()
  // A read that fails is repeated by the notice of the gap: the database was away.
  const close = notices.subscribe(channel, () => void refresh().catch(() => {}))
  return {
    of: (name) => known.get(name),
    all: () => [...known.values()],
    changed: (transaction) => notices.publish(channel, 'changed', { within: transaction }),
    refresh,
    watch: (listener) => void listeners.push(listener),
    close,
  }
}
