// A key that is held to some models, paths or networks makes and replaces only keys that are held to the same, or to fewer. Pure.
import { isRangeWithin } from '../../base/addresses.ts'
import { fail } from '../../base/errors.ts'
import type { Caller } from '../../wire/exchange.ts'
import type { NewKey } from './create.ts'
import type { KeyCard } from './store.ts'

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

/** The key with what its maker is held to where it says nothing itself. Throws `invalid_value` for an entry beyond that. */
export function heldAsMaker<Wanted extends NewKey>(caller: Caller, wanted: Wanted): Wanted {
  const inherited: Partial<Record<Restriction, readonly string[]>> = {}
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
  return { ...wanted, ...inherited }
}

/** Throws `key_restricted` where the caller would get, in the place of this key, one that may be used for more than its own. */
export function demandHeld(caller: Caller, key: KeyCard): void {
  for (const name of restrictions) {
    const held = caller[name]
    if (held === undefined || key[name]?.every((entry) => covers[name](entry, held)) === true) continue
    throw fail('key_restricted', { how: `to replace one that is not held to the same ${name}` })
  }
}
