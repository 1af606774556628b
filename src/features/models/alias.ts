// What an alias is: a name that operators point at a model, a canary and a shadow beside it, and one change of it. Types, and their JSON.
import type { WebhookKey } from '../../base/webhook-secret.ts'
import type { Row } from '../../database/tables.ts'
import { modelUnder } from './adapted-model.ts'

/** By what a caller stays with the version that it was given: each its own draw, or `random` for one draw a call. */
export type Sticky = 'key' | 'session' | 'user' | 'random'

/** When a canary is rolled back by itself. */
export interface RollbackRule {
  /** 0–1: part of its calls that may fail. */
  readonly errorRate: number
  /** Calls before its figures count. */
  readonly minimumCalls: number
  /** Calls older than this, in milliseconds, do not count. */
  readonly windowMs: number
  /** How many times the target's its first-token p95 may be; null: not looked at. */
  readonly firstTokenRatio: number | null
}

/** What must have been measured of a canary's weights. */
export interface Gate {
  readonly maxPerplexity: number | null
  /** Against the target's perplexity on the same text. */
  readonly maxPerplexityRatio: number | null
  readonly minAccuracy: number | null
}

/** The version that gets a part of an alias's calls. */
export interface Canary {
  readonly target: string
  /** 0–100. */
  readonly percent: number
  readonly sticky: Sticky
  /** Decides the draws: the same seed and the same callers give the same split. */
  readonly seed: number
  readonly rollback: RollbackRule
  readonly gate: Gate | null
  /** Address that a roll-back is posted to. */
  readonly webhook: string | null
  /** What its secret is made from; absent where there is none, or an earlier version set it. */
  readonly webhookKey?: WebhookKey
}

/** The version that gets copies of an alias's calls, after they were answered. */
export interface Shadow {
  readonly target: string
  /** 0–100: part of the calls that is copied. */
  readonly percent: number
}

/** How an alias stands. */
export interface AliasState {
  readonly target: string
  readonly canary: Canary | null
  readonly shadow: Shadow | null
}

/** An alias. */
export interface Alias extends AliasState {
  readonly name: string
  /** One higher with each change. */
  readonly revision: number
  readonly updatedAt: number
}

/** One change of an alias. */
export interface AliasChange {
  readonly id: string
  readonly alias: string
  readonly at: number
  readonly actor: { readonly kind: 'key' | 'session' | 'system'; readonly id: string }
  readonly action: 'set' | 'removed' | 'rolled-back'
  readonly reason: string | null
  /** Null where there was no alias before, or is none after. */
  readonly before: AliasState | null
  readonly after: AliasState | null
}

/** All that an alias may lead to; of a model with adapters the model alone, too. */
export function targetsOf({ target, canary, shadow }: AliasState): readonly string[] {
  const targets = [target, canary?.target, shadow?.target].filter((name) => name !== undefined)
  return targets.flatMap((name) => [name, modelUnder(name)].filter((one) => one !== undefined))
}

/** A row as an alias. */
export function aliasOf(row: Row<'model_aliases'>): Alias {
  const { name, target, revision, updated_at: updatedAt } = row
  return { name, target, canary: parsed(row.canary), shadow: parsed(row.shadow), revision, updatedAt }
}

/** What of an alias is kept in columns. */
export function aliasColumns({ target, canary, shadow }: AliasState) {
  return { target, canary: canary && JSON.stringify(canary), shadow: shadow && JSON.stringify(shadow) }
}

/** A row as a change. */
export function changeOf(row: Row<'model_alias_changes'>): AliasChange {
  const { id, alias, at, action, reason } = row
  const actor = { kind: row.actor_kind, id: row.actor }
  return { id, alias, at, actor, action, reason, before: parsed(row.before_state), after: parsed(row.after_state) }
}

/** The state alone, as history keeps it. */
export function stateOf({ target, canary, shadow }: AliasState): AliasState {
  return { target, canary, shadow }
}

function parsed<Value>(text: string | null): Value | null {
  return text === null ? null : (JSON.parse(text) as Value)
}
