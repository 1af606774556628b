// A key makes and replaces only keys that may be used for no more than itself: no other models, paths or networks, no longer, and within the
// same limits and budgets.
import type { Kysely } from 'kysely'
import { isRangeWithin } from '../../base/addresses.ts'
import { fail } from '../../base/errors.ts'
import type { Tables } from '../../database/tables.ts'
import type { Caller } from '../../wire/exchange.ts'
import type { KeyCard } from '../../wire/keys.ts'
import { may } from '../../wire/permissions.ts'
import { defaultWorkspace, type NewKey } from './create.ts'

type Restriction = 'models' | 'endpoints' | 'ipRanges'

const params = { models: 'models', endpoints: 'endpoints', ipRanges: 'ip_ranges' } as const satisfies Record<
  Restriction,
  string
>
const restrictions = Object.keys(params) as readonly Restriction[]

/** Whether an entry lets in nothing that those let not. */
const covers: Readonly<Record<Restriction, (entry: string, held: readonly string[]) => boolean>> = {
  models: (model, held) => held.includes(model),
  endpoints: (path, held) =>
    held.some((other) => other === path || (other.endsWith('/*') && path.startsWith(other.slice(0, -1)))),
  ipRanges: isRangeWithin,
}

/**
 * The key with what its maker is held to where it says nothing itself. Throws `invalid_value` for an entry beyond that; `expiry` is what the
 * API calls the end.
 */
export async function heldAsMaker<Wanted extends NewKey>(
  query: Kysely<Tables>,
  caller: Caller,
  wanted: Wanted,
  expiry = 'expires_at',
): Promise<Wanted> {
  const inherited: { -readonly [Name in Restriction]?: readonly string[] } = {}
  for (const name of restrictions) {
    const held = caller[name]
    if (held === undefined) continue
    const beyond = (wanted[name] ?? []).findIndex((entry) => !covers[name](entry, held))
    if (beyond >= 0) {
      const reason = `the key that makes this one is held to ${held.join(', ').slice(0, 200)}`
      throw fail('invalid_value', { param: `${params[name]}[${beyond}]`, reason })
    }
    inherited[name] = wanted[name] ?? held
  }
  if (wanted.expiresAt !== undefined) demandEnd(caller, wanted.expiresAt, expiry)
  const expiresAt = wanted.expiresAt ?? caller.expiresAt
  const payer = await payerFor(query, caller, wanted.workspace ?? defaultWorkspace)
  return {
    ...wanted,
    ...inherited,
    ...(expiresAt !== undefined && { expiresAt }),
    ...(payer !== undefined && { payer }),
  }
}

/** Throws `invalid_value` where a key would go on after the caller's own. */
export function demandEnd({ expiresAt: own }: Caller, expiresAt: number, param: string): void {
  if (own === undefined || expiresAt <= own) return
  const reason = `the key that sets it ends itself at ${new Date(own).toISOString()}`
  throw fail('invalid_value', { param, reason })
}

/** Throws `key_restricted` where the caller would get, in the place of this key, one that may be used for more than its own. */
export function demandHeld(caller: Caller, key: KeyCard): void {
  for (const name of restrictions) {
    const held = caller[name]
    if (held === undefined || key[name]?.every((entry) => covers[name](entry, held)) === true) continue
    throw fail('key_restricted', { how: `to replace one that is not held to the same ${name}` })
  }
  const { expiresAt } = caller
  if (expiresAt === undefined || (key.expiresAt !== null && key.expiresAt <= expiresAt)) return
  throw fail('key_restricted', { how: 'to replace one that goes on after it' })
}

/**
 * Whose limits and budgets the new key counts under: those of the key that makes it, where that has any and may not set them itself. Else many
 * keys of one holder would each have the whole.
 */
async function payerFor(query: Kysely<Tables>, caller: Caller, workspace: string): Promise<string | undefined> {
  const maySet = may(caller, 'limits.write', workspace) && may(caller, 'budgets.write', workspace)
  if (caller.kind !== 'key' || maySet) return undefined
  const payer = caller.payer ?? caller.id
  for (const table of ['limits', 'budgets'] as const) {
    const found = await query
      .selectFrom(table)
      .select('subject')
      .where('scope', '=', 'key')
      .where('subject', '=', payer)
      .limit(1)
      .executeTakeFirst()
    if (found !== undefined) return payer
  }
  return undefined
}
