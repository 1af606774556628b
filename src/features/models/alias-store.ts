// Aliases and their history in the database: each change and its entry in one transaction, one change of an alias at a time. Knows no model.
import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import type { Tables } from '../../database/tables.ts'
import type { Actor } from '../audit/record.ts'
import { type Alias, type AliasChange, type AliasState, aliasColumns, aliasOf, changeOf, stateOf } from './alias.ts'

/** All aliases by name. */
export async function readAliases(query: Kysely<Tables>): Promise<readonly Alias[]> {
  return (await query.selectFrom('model_aliases').selectAll().orderBy('name').execute()).map(aliasOf)
}

/** The changes of an alias, the newest first; those before `after`, an id. */
export async function readHistory(
  query: Kysely<Tables>,
  alias: string,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<readonly AliasChange[]> {
  let rows = query.selectFrom('model_alias_changes').selectAll().where('alias', '=', alias)
  if (after !== undefined) rows = rows.where('id', '<', after)
  return (await rows.orderBy('id', 'desc').limit(limit).execute()).map(changeOf)
}

/** One change of an alias; undefined where it has no such one. */
export async function readChange(query: Kysely<Tables>, alias: string, id: string): Promise<AliasChange | undefined> {
  const rows = query.selectFrom('model_alias_changes').selectAll().where('alias', '=', alias).where('id', '=', id)
  const row = await rows.executeTakeFirst()
  return row && changeOf(row)
}

/** What is to be of an alias. */
export interface WantedChange {
  readonly name: string
  /** Null: no alias. */
  readonly after: AliasState | null
  readonly action: AliasChange['action']
  readonly reason: string | null
  readonly actor: Actor
  /** Only where it still has this revision. */
  readonly revision?: number | undefined
}

/** The change with its entry; undefined where the alias has another revision than was asked for, or is not there to be removed. */
export async function writeAlias(
  transaction: Kysely<Tables>,
  wanted: WantedChange,
  clock: Clock,
): Promise<AliasChange | undefined> {
  const before = await lockAlias(transaction, wanted.name)
  const { revision } = before
  const at = clock.now()
  const isRefused =
    (wanted.revision !== undefined && wanted.revision !== revision) || (revision === 0 && wanted.after === null)
  if (isRefused || wanted.after === null) {
    const gone = transaction.deleteFrom('model_aliases').where('name', '=', wanted.name)
    await (isRefused ? gone.where('revision', '=', 0) : gone).execute()
    if (isRefused) return undefined
  } else {
    const last = revision > 0 ? revision : await changesOf(transaction, wanted.name)
    const columns = { ...aliasColumns(wanted.after), revision: last + 1, updated_at: at }
    await transaction.updateTable('model_aliases').set(columns).where('name', '=', wanted.name).execute()
  }
  const state = revision > 0 ? stateOf(before) : null
  const row = {
    ...{ id: newId('alch', clock), alias: wanted.name, at, action: wanted.action, reason: wanted.reason },
    ...{ actor_kind: wanted.actor.kind, actor: wanted.actor.id },
    before_state: state && JSON.stringify(state),
    after_state: wanted.after && JSON.stringify(stateOf(wanted.after)),
  }
  await transaction.insertInto('model_alias_changes').values(row).execute()
  return changeOf(row)
}

/** The alias, kept from others' changes until the transaction ends; revision 0: it was not there. */
async function lockAlias(transaction: Kysely<Tables>, name: string): Promise<Alias> {
  const row = { name, target: '', canary: null, shadow: null, revision: 0, updated_at: 0 }
  // Two that make the same alias meet here: the second waits, and finds it made.
  await transaction
    .insertInto('model_aliases')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute()
  // A row that is written is locked, on both databases alike.
  const locked = transaction.updateTable('model_aliases').set((update) => ({ revision: update.ref('revision') }))
  return aliasOf(await locked.where('name', '=', name).returningAll().executeTakeFirstOrThrow())
}

/** An alias that was removed and comes back goes on counting, so that no two of its states have one revision. */
async function changesOf(transaction: Kysely<Tables>, alias: string): Promise<number> {
  const counted = transaction.selectFrom('model_alias_changes').select((select) => select.fn.countAll().as('changes'))
  return Number((await counted.where('alias', '=', alias).executeTakeFirstOrThrow()).changes)
}
