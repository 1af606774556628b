// Whose usage a caller may see. Knows roles through the one table only.
import { fail } from '../../base/errors.ts'
import type { Caller } from '../../wire/exchange.ts'
import { may } from '../../wire/permissions.ts'

/** The workspaces whose usage the caller may see; undefined: all of the organisation. */
export function reachOf(caller: Caller): readonly string[] | undefined {
  // No workspace has this name, so only what counts everywhere counts here.
  if (may(caller, 'usage.read', '')) return undefined
  const own = [caller.workspace, ...caller.grants.flatMap(({ workspace }) => workspace ?? [])]
  return [...new Set(own)].filter((workspace) => may(caller, 'usage.read', workspace))
}

/** Those of the workspaces asked for that the caller may see; a foreign one is refused by name, whether it exists or not. */
export function reachWithin(caller: Caller, asked: readonly string[] | undefined): readonly string[] | undefined {
  const reach = reachOf(caller)
  if (asked === undefined || reach === undefined) return asked ?? reach
  const foreign = asked.find((workspace) => !reach.includes(workspace))
  if (foreign !== undefined) throw fail('not_found', { what: 'workspace', id: foreign.slice(0, 100) })
  return asked
}
