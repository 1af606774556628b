// Changes aliases: sets, removes and rolls back, each with its history, its entry in the audit log and the news for every node. Knows no HTTP.
import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Tables } from '../../database/tables.ts'
import type { Counter, Metrics } from '../../telemetry/metrics.ts'
import type { Acts } from '../audit/acts.ts'
import type { Actor } from '../audit/record.ts'
import { type Alias, type AliasChange, type AliasState, targetsOf } from './alias.ts'
import { readChange, readHistory, type WantedChange, writeAlias } from './alias-store.ts'
import type { Aliases } from './aliases.ts'
import { gateFault, type Quality } from './canary.ts'
import { addQuality, type QualityResult, readQuality } from './quality-store.ts'

/** Changes aliases. */
export interface AliasChanges {
  /** Throws `revision_changed` where the alias has another revision than the one given. */
  set(actor: Actor, name: string, wanted: SetAlias): Promise<AliasChange>
  /** Throws `not_found`. */
  remove(actor: Actor, name: string): Promise<AliasChange>
  /** Puts the alias back to before its last change, or to what it was after the change `to`. Throws `not_found`, and `invalid_value` where that is not here. */
  rollBack(actor: Actor, name: string, back: { readonly to?: string; readonly reason?: string }): Promise<AliasChange>
  /** Takes a canary off by itself; nothing where the alias was changed meanwhile. */
  dropCanary(alias: Alias, reason: string): Promise<void>
  /** Keeps a measurement, and takes off the canaries that no longer pass their gates by it. */
  addQuality(actor: Actor, result: Quality & { readonly note: string | null }): Promise<QualityResult>
}

/** How an alias is to stand. */
export interface SetAlias extends AliasState {
  readonly reason: string | null
  /** 0: only where it is not there. */
  readonly revision?: number | undefined
}

/** What they are changed with. */
export interface AliasChangeParts {
  readonly acts: Acts
  readonly aliases: Aliases
  readonly log: Log
  readonly metrics: Metrics
  /** Whether a name leads to a model of this server. */
  readonly isHere: (name: string) => boolean
  /** sha256 of what a model's name leads to, when known. */
  readonly digestOf: (name: string) => string | null
  /** Told of every roll-back that nobody asked for, within its transaction. */
  readonly onRollback?: (transaction: Kysely<Tables>, change: AliasChange) => Promise<void>
}

const watcher: Actor = { kind: 'system', id: 'canary-watch' }

/** Changes over a database. */
export function aliasChanges(parts: AliasChangeParts): AliasChanges {
  const { acts, aliases, metrics } = parts
  const { query } = acts.database
  const rollbacks = metrics.counter('galerne_alias_rollbacks_total', 'Canaries rolled back, by alias and cause.')
  const write = (wanted: WantedChange) => writeAndTell(wanted, parts)
  const set = async (wanted: WantedChange) => {
    const change = await write(wanted)
    if (change === undefined) throw fail('revision_changed', { what: 'alias', id: wanted.name })
    return change
  }
  const dropCanary = (alias: Alias, reason: string, cause: string) => dropOne(alias, reason, cause, parts, rollbacks)
  return {
    async set(actor, name, { reason, revision, ...after }) {
      await demandGate(query, after, parts)
      return await set({ name, after, action: 'set', reason, actor, revision })
    },
    async remove(actor, name) {
      const change = await write({ name, after: null, action: 'removed', reason: null, actor })
      if (change === undefined) throw fail('not_found', { what: 'alias', id: name.slice(0, 100), param: 'name' })
      return change
    },
    async rollBack(actor, name, { to, reason = null }) {
      const [last] = await readHistory(query, name, { limit: 1 })
      const change = to === undefined ? last : await readChange(query, name, to)
      if (change === undefined) {
        const id = (to ?? name).slice(0, 100)
        throw fail('not_found', { what: to === undefined ? 'alias' : 'change of this alias', id, param: 'to' })
      }
      const after = to === undefined ? change.before : change.after
      const gone = after === null ? undefined : targetsOf(after).find((target) => !parts.isHere(target))
      if (gone !== undefined) {
        const reason = `it led to "${gone}", which is not served here any more; "galerne load" serves weights that are on this machine`
        throw fail('invalid_value', { param: to === undefined ? 'name' : 'to', reason })
      }
      return await set({ name, after, action: 'rolled-back', reason, actor, revision: aliases.of(name)?.revision })
    },
    dropCanary: (alias, reason) => dropCanary(alias, reason, 'figures'),
    async addQuality(actor, result) {
      const kept = await acts.run(actor, async (transaction, note) => {
        const added = await addQuality(transaction, result, acts.clock)
        const { digest, perplexity, accuracy, textSha256 } = added
        const details = { perplexity, accuracy, text_sha256: textSha256 }
        note({ action: 'model_quality.added', target: { kind: 'model_digest', id: digest }, details })
        return added
      })
      for (const alias of aliases.all()) {
        const fault = await faultOf(query, alias, parts)
        if (fault !== undefined) await dropCanary(alias, fault, 'gate')
      }
      return kept
    },
  }
}

/** Writes a change with its entry in the log; when this resolves, this node knows it, and every other is told. */
async function writeAndTell(
  wanted: WantedChange,
  { acts, aliases, onRollback }: AliasChangeParts,
): Promise<AliasChange | undefined> {
  const change = await acts.run(wanted.actor, async (transaction, note) => {
    const written = await writeAlias(transaction, wanted, acts.clock)
    if (written === undefined) return undefined
    await aliases.changed(transaction)
    if (wanted.actor === watcher) await onRollback?.(transaction, written)
    const { id, action, before, after, reason } = written
    const details = {
      change: id,
      from: before?.target ?? null,
      to: after?.target ?? null,
      canary: after?.canary && { ...after.canary, webhookKey: undefined },
      reason,
    }
    note({ action: `alias.${action.replace('-', '_')}`, target: { kind: 'alias', id: wanted.name }, details })
    return written
  })
  await aliases.refresh()
  return change
}

async function dropOne(
  alias: Alias,
  reason: string,
  cause: string,
  parts: AliasChangeParts,
  rollbacks: Counter,
): Promise<void> {
  const { name, target, shadow, canary, revision } = alias
  const after = { target, canary: null, shadow }
  const change = await writeAndTell({ name, after, action: 'rolled-back', reason, actor: watcher, revision }, parts)
  if (change === undefined) return
  rollbacks.add({ alias: name, cause })
  parts.log.warn({ alias: name, canary: canary?.target, target, reason }, 'canary rolled back')
}

/** Why an alias's canary does not pass its gate now; undefined where it does, or has none. */
async function faultOf(
  query: Kysely<Tables>,
  { target, canary }: AliasState,
  { digestOf }: AliasChangeParts,
): Promise<string | undefined> {
  if (canary?.gate == null) return undefined
  const measured = async (name: string) => {
    const digest = digestOf(name)
    return digest === null ? [] : await readQuality(query, digest)
  }
  return gateFault(canary.gate, await measured(canary.target), await measured(target))
}

/** A digest as people compare it. */
const shortName = (name: string) => name.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1')

async function demandGate(query: Kysely<Tables>, state: AliasState, parts: AliasChangeParts): Promise<void> {
  const fault = await faultOf(query, state, parts)
  if (fault !== undefined) {
    throw fail('invalid_value', {
      param: 'canary.gate',
      reason: `${shortName(state.canary?.target ?? '')} does not pass it: ${fault}`,
    })
  }
}
