// The tables of limits, budgets and the ledger, as Kysely sees them. Ids are text, times integer milliseconds since 1970, money integer nano-units.

/** Limits that an operator set. Absent numbers: no limit of that kind here. */
export interface LimitsTable extends LimitColumns {
  scope: 'organisation' | 'workspace' | 'key'
  /** Id of the organisation, workspace or key. */
  subject: string
  /** A model's own name, or `*` for all models together. */
  model: string
  /** How many of its requests may wait in line per model. */
  line_length: number | null
  /** Its share of turns in line, beside others of its kind; 1 without it. */
  line_weight: number | null
  updated_at: number
}

interface LimitColumns {
  requests_per_second: number | null
  requests_per_minute: number | null
  tokens_per_minute: number | null
  tokens_per_month: number | null
  parallel_requests: number | null
}

/** What the tiers allow per model; `*` is every model that has no row of its own, each by itself. */
export interface TiersTable extends LimitColumns {
  /** 0 is Free. */
  tier: number
  model: string
  /** On the row `*`: spend in all above which a subject rises to this tier, nano-units. */
  spend_above: number | null
}

/** Who is in a tier. Without a row there is none, and no limit of a tier. */
export interface TierAssignmentsTable {
  scope: 'organisation' | 'workspace'
  subject: string
  /** Set by hand; null: it follows the spend. */
  tier: number | null
  updated_at: number
}

/** Money that somebody may spend in a calendar window. */
export interface BudgetsTable {
  id: string
  scope: 'organisation' | 'workspace' | 'key'
  subject: string
  period: 'day' | 'week' | 'month' | 'year' | 'ever'
  /** IANA name of the zone whose midnight opens a window. */
  time_zone: string
  /** Nano-units. */
  amount: number
  /** 1: calls that might pass it are refused; 0: it only alerts. */
  hard: number
  /** JSON: percentages of the amount at which an alert is sent, ascending. */
  thresholds: string
  /** Address that alerts are posted to. */
  webhook: string | null
  /** JSON: addresses that alerts are mailed to. */
  emails: string | null
  /** JSON: what the webhook's secret is made from. */
  webhook_key: string | null
  created_at: number
  updated_at: number
}

/** An alert that was raised: once per budget, window, threshold and amount, whichever node saw it. */
export interface BudgetAlertsTable {
  id: string
  budget: string
  opens_at: number
  threshold: number
  amount: number
  spent: number
  at: number
}

/** Short windows of requests and tokens that nodes share, as rate-limiter-flexible keeps them. */
export interface RateWindowsTable {
  key: string
  points: number
  expire: number | null
}

/** A balance for one calendar window. Always: spent + leased ≤ capacity, where there is one. */
export interface AccountsTable {
  id: string
  scope: 'organisation' | 'workspace' | 'key'
  subject: string
  model: string
  unit: 'money' | 'tokens' | 'parallel'
  opens_at: number
  closes_at: number
  capacity: number | null
  /** Settled, nano-units or tokens. */
  spent: number
  /** The sum of the blocks that nodes hold of it. */
  leased: number
}

/** What a node holds of an account: open reservations, and what it may reserve without asking again. */
export interface BlocksTable {
  node: string
  account: string
  amount: number
}

/** Nodes that hold blocks. One whose lease ran out is dead: its open reservations are charged, the rest of its blocks comes back. */
export interface LedgerNodesTable {
  id: string
  /** Counts the node's writes, so that one whose answer was lost is known for done or undone. */
  step: number
  lease_until: number
}

/** One call's reservation. A settled one stays for two days, so that a call with the same id is charged once. */
export interface ReservationsTable {
  id: string
  node: string
  /** `estimated`: its node died; charged as reserved until its true cost is known. */
  state: 'open' | 'settled' | 'estimated'
  at: number
  key_id: string
  workspace: string
  model: string
  /** Nano-units: what is reserved, or what was charged. */
  money: number
  tokens: number
  /** JSON: what a usage row of a call needs whose node died. */
  details: string
}

/** What was charged, per quarter of an hour: windows of any time zone are sums of these. */
export interface SpendTable {
  scope: 'organisation' | 'workspace' | 'key'
  subject: string
  /** Where the quarter of an hour begins. */
  quarter: number
  model: string
  money: number
  tokens: number
}

/** The tables by name. */
export interface LimitTables {
  limits: LimitsTable
  tiers: TiersTable
  tier_assignments: TierAssignmentsTable
  budgets: BudgetsTable
  budget_alerts: BudgetAlertsTable
  rate_windows: RateWindowsTable
  accounts: AccountsTable
  blocks: BlocksTable
  ledger_nodes: LedgerNodesTable
  reservations: ReservationsTable
  spend: SpendTable
}
