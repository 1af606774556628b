// The tables as Kysely sees them, one interface each. Ids are text, times integer milliseconds since 1970, money integer nano-units, JSON text.

import type { Insertable, Selectable } from 'kysely'
import type { Role } from '../wire/permissions.ts'
import type { AliasTables } from './alias-tables.ts'
import type { FileTables } from './file-tables.ts'
import type { LimitTables } from './limit-tables.ts'
import type { PromptTables } from './prompt-tables.ts'
import type { TraceTables } from './trace-tables.ts'

/** API keys. The secret itself is never stored. */
export interface KeysTable {
  id: string
  workspace: string
  name: string
  /** What the key may do, and its holder may too. */
  role: Role
  /** Whether its role counts in its workspace or in the whole organisation. */
  reach: 'workspace' | 'organisation'
  /** The person it was made for. */
  user_id: string | null
  /** The service account it was made for. With neither, the key stands for itself. */
  service_account: string | null
  /** JSON: names of the only models it may use. */
  models: string | null
  /** JSON: the only paths it may call. */
  endpoints: string | null
  /** JSON: addresses and networks (CIDR) that it may be used from. */
  ip_ranges: string | null
  /** The key that was made to take its place. */
  replaced_by: string | null
  /** The key whose limits, budgets and spend it counts under; null: its own. */
  payer: string | null
  /** SHA-256 of the secret, 64 hexadecimal digits, unique. */
  hash: string
  /** The secret's last four characters, so that people can tell keys apart. */
  hint: string
  /** `generated` by us, or `setting`: the value of the `api-key` setting. */
  origin: 'generated' | 'setting'
  created_at: number
  expires_at: number | null
  revoked_at: number | null
  /** Written at most once a minute. */
  last_used_at: number | null
}

/** The one organisation of an installation. Always a single row. */
export interface OrganisationTable {
  id: 'organisation'
  name: string
  /** JSON. */
  settings: string
  created_at: number
}

/** Workspaces: limits, money, data and prefix cache are apart. `default` is there from the start. */
export interface WorkspacesTable {
  id: string
  name: string
  description: string | null
  /** JSON. */
  settings: string
  created_at: number
  archived_at: number | null
}

/** People. A row stays when a person's data is deleted; email and name then say nothing any more. */
export interface UsersTable {
  id: string
  /** In lower case. */
  email: string
  name: string
  /** In the whole organisation; `member` gives nothing there, workspaces do. */
  role: Exclude<Role, 'viewer'>
  /** Argon2id, in PHC form. */
  password: string | null
  /** OIDC: who vouches for the person, and under which name. */
  issuer: string | null
  subject: string | null
  created_at: number
  disabled_at: number | null
  last_seen_at: number | null
}

/** A person's role in a workspace. */
export interface MembersTable {
  workspace: string
  user_id: string
  role: Exclude<Role, 'owner'>
  created_at: number
}

/** Programs that hold keys in a workspace. */
export interface ServiceAccountsTable {
  id: string
  workspace: string
  name: string
  role: Exclude<Role, 'owner'>
  created_at: number
  deleted_at: number | null
}

/** Who is signed in to the console. */
export interface SessionsTable {
  id: string
  /** SHA-256 of the cookie's value. */
  hash: string
  user_id: string
  /** What a page must send back with every change. */
  csrf: string
  created_at: number
  expires_at: number
}

/** People who were asked to join. */
export interface InvitesTable {
  id: string
  /** SHA-256 of the secret in the link. */
  hash: string
  email: string
  role: Exclude<Role, 'viewer'>
  /** JSON: roles by workspace, `{ id, role }`. */
  workspaces: string
  created_at: number
  expires_at: number
  accepted_at: number | null
}

/** One call of a model. Never what was said. */
export interface UsageTable {
  id: string
  request_id: string
  at: number
  workspace: string
  key_id: string
  operation: 'chat' | 'complete' | 'embed' | 'rank'
  class: 'interactive' | 'batch'
  /** The model's own name. */
  model: string
  /** `local`, or the vendor. */
  provider: string
  currency: 'USD' | 'EUR'
  /** `ok`, `abandoned`, or an error's code. */
  status: string
  /** The person who holds the key, and the end user whom the client named. */
  member: string | null
  end_user: string | null
  /** sha256 of the weights. */
  digest: string | null
  ran_on: string | null
  /** Id of the row in `prices` that the cost comes from. */
  price: string | null
  finish_reason: string | null
  prompt_tokens: number
  cached_tokens: number
  completion_tokens: number
  reasoning_tokens: number
  cost: number
  duration_ms: number
  queue_ms: number | null
  first_token_ms: number | null
  /** 1: the counts are what was reserved or seen, not what the model reported. */
  estimated: number
}

/** Sums of `usage` per span of `width` milliseconds (a minute, an hour, a day in UTC), written with the rows. */
export interface UsageSumsTable {
  width: number
  /** Where the span begins. */
  start: number
  workspace: string
  key_id: string
  model: string
  provider: string
  operation: UsageTable['operation']
  class: UsageTable['class']
  currency: UsageTable['currency']
  requests: number
  errors: number
  estimated: number
  prompt_tokens: number
  cached_tokens: number
  completion_tokens: number
  reasoning_tokens: number
  cost: number
  duration_ms: number
  queue_ms: number
  first_token_ms: number
  /** How many calls `first_token_ms` is the sum of. */
  first_tokens: number
}

/** The same of all workspaces and keys together. */
export type UsageTotalsTable = Omit<UsageSumsTable, 'workspace' | 'key_id'>

/** What was said in a call, where its workspace keeps that. */
export interface UsageContentsTable {
  /** The call's id. */
  id: string
  workspace: string
  at: number
  /** JSON of the messages or the prompt. */
  input: string | null
  /** The answer's text, its choices as a JSON array. */
  output: string | null
}

/** What a workspace keeps of its calls, and how long. Without a row: no content, and rows for ever. */
export interface UsageSettingsTable {
  workspace: string
  keep_content: number
  /** 1: a request's header may ask for its content to be kept. */
  content_by_request: number
  row_days: number | null
  content_days: number | null
  trace_days: number | null
  /** JSON of the rules of redaction; null: there are none. */
  redaction: string | null
  updated_at: number
}

/** Price rows, immutable: the id is made from the content. Amounts are nano-units per million tokens. */
export interface PricesTable {
  id: string
  provider: string
  model: string
  currency: 'USD' | 'EUR'
  from_at: number | null
  input: number
  cached: number
  output: number
  /** JSON: `[{ above, input, cached, output }]`. */
  tiers: string
  source: string
  /** `YYYY-MM-DD`. */
  sourced_on: string
}

/** Which price rows the operator set and has not taken back. */
export interface OperatorPricesTable {
  price: string
  created_at: number
}

/** The operator's exchange rates. */
export interface ExchangeRatesTable {
  id: string
  from_at: number
  micro_eur_per_usd: number
  source: string
  created_at: number
}

/** The audit log. Rows are only ever added; `features/audit/record.ts` alone does. */
export interface AuditLogTable {
  /** 1, 2, 3, … without a gap. */
  sequence: number
  id: string
  at: number
  action: string
  actor_kind: 'key' | 'session' | 'system'
  actor: string
  /** Pseudonym of the person who acted. */
  actor_person: string | null
  /** Id of the service account that acted. */
  actor_account: string | null
  workspace: string | null
  target_kind: string
  /** An id; of a person the pseudonym. */
  target: string
  /** JSON. */
  details: string
  /** Hash of the entry before. */
  previous: string
  hash: string
}

/** Where the chain ends now: a single row. */
export interface AuditHeadTable {
  id: 'head'
  sequence: number
  hash: string
}

/** Who the pseudonyms of the audit log stand for. Deleting a row forgets that. */
export interface AuditPeopleTable {
  pseudonym: string
  user_id: string
}

/** Where entries came from, apart from the chain so that it can be forgotten. */
export interface AuditOriginsTable {
  sequence: number
  pseudonym: string | null
  address: string
}

/** What was shared by link. */
export interface SharesTable {
  id: string
  workspace: string
  /** Id of the person, or of the key where there is none behind it. */
  owner: string
  title: string
  /** JSON. */
  content: string
  created_at: number
  expires_at: number
}

/** Every table but `jobs`, which belongs to the queue (`queue/table.ts`). */
export interface Tables extends AliasTables, FileTables, LimitTables, PromptTables, TraceTables {
  keys: KeysTable
  organisation: OrganisationTable
  workspaces: WorkspacesTable
  users: UsersTable
  members: MembersTable
  service_accounts: ServiceAccountsTable
  sessions: SessionsTable
  invites: InvitesTable
  audit_log: AuditLogTable
  audit_head: AuditHeadTable
  audit_people: AuditPeopleTable
  audit_origins: AuditOriginsTable
  usage: UsageTable
  usage_sums: UsageSumsTable
  usage_totals: UsageTotalsTable
  usage_contents: UsageContentsTable
  usage_settings: UsageSettingsTable
  prices: PricesTable
  operator_prices: OperatorPricesTable
  exchange_rates: ExchangeRatesTable
  shares: SharesTable
}

/** A row as read. */
export type Row<Name extends keyof Tables> = Selectable<Tables[Name]>

/** A row to insert. */
export type NewRow<Name extends keyof Tables> = Insertable<Tables[Name]>
