// The tables of aliases and of what was measured of weights, as Kysely sees them. Times are integer milliseconds since 1970.

/** A name that operators point at a model, with the share of its calls that a new version gets. */
export interface ModelAliasesTable {
  name: string
  /** Name of a model, or of one version of it. */
  target: string
  /** JSON: the version that gets a part of the calls, and what rolls it back. */
  canary: string | null
  /** JSON: the version that gets copies of calls. */
  shadow: string | null
  /** One higher with each change. */
  revision: number
  updated_at: number
}

/** Every change of an alias; rows are only added. */
export interface ModelAliasChangesTable {
  id: string
  alias: string
  at: number
  actor_kind: 'key' | 'session' | 'system'
  actor: string
  action: 'set' | 'removed' | 'rolled-back'
  reason: string | null
  /** JSON of the alias before and after; null where it was not there. */
  before_state: string | null
  after_state: string | null
}

/** What was measured of weights, named by their digest. */
export interface ModelQualityTable {
  id: string
  /** sha256 of the weights. */
  digest: string
  /** On the text whose sha256 is `text_sha256`. */
  perplexity: number | null
  /** 0–1: of a task set. */
  accuracy: number | null
  text_sha256: string | null
  note: string | null
  at: number
}

/** The tables of aliases. */
export interface AliasTables {
  model_aliases: ModelAliasesTable
  model_alias_changes: ModelAliasChangesTable
  model_quality: ModelQualityTable
}
