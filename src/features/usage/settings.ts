// What each workspace keeps of its calls, and how long; in memory for the request path. Knows no content and no row.
import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import type { Row, Tables } from '../../database/tables.ts'
import { noRedaction, type Redaction, redacts } from './redaction.ts'

/** A workspace's rules; null days: for ever. */
export interface UsageSettings {
  readonly keepContent: boolean
  /** Whether a request may ask by its header that its content is kept. */
  readonly contentByRequest: boolean
  readonly rowDays: number | null
  readonly contentDays: number | null
  readonly traceDays: number | null
  /** What is blacked out of content before it is stored. */
  readonly redaction: Redaction
}

/** What holds where a workspace has set nothing. */
export const usualSettings: UsageSettings = {
  ...{ keepContent: false, contentByRequest: true, rowDays: null, contentDays: null, traceDays: null },
  redaction: noRedaction,
}

/**
 * Whether what is said in a call is kept: `asked` is what the request's header says of it. Throws `invalid_value` where it asks for more
 * than its workspace allows.
 */
export function isContentKept({ keepContent, contentByRequest }: UsageSettings, asked: boolean | undefined): boolean {
  if (asked === undefined || asked === keepContent) return keepContent
  if (!asked || contentByRequest) return asked
  const reason = 'this workspace does not let a request ask that its content is kept; leave the header out'
  throw fail('invalid_value', { param: 'galerne-trace-content', reason })
}

/** The rules of all workspaces. */
export interface SettingsBook {
  of(workspace: string): UsageSettings
  /** Those that have set something. */
  all(): ReadonlyMap<string, UsageSettings>
  /** Sets a workspace's rules, on every node when the transaction commits. */
  set(transaction: Kysely<Tables>, workspace: string, settings: UsageSettings, now: number): Promise<void>
  /** Reads the rules now, so that whoever changed them finds them changed. */
  refresh(): Promise<void>
  close(): void
}

const channel = 'usage-settings'

/** Reads the rules and keeps them fresh. */
export async function openSettings({ query }: Pick<Database, 'query'>, notices: Notices): Promise<SettingsBook> {
  let known = new Map<string, UsageSettings>()
  const read = async () => {
    const rows = await query.selectFrom('usage_settings').selectAll().execute()
    known = new Map(rows.map((row) => [row.workspace, settingsOf(row)]))
  }
  await read()
  // A read that fails is repeated by the notice of the gap: the database was away.
  const unsubscribe = notices.subscribe(channel, () => void read().catch(() => {}))
  return {
    of: (workspace) => known.get(workspace) ?? usualSettings,
    all: () => known,
    async set(transaction, workspace, settings, now) {
      const row = { ...columnsOf(settings), updated_at: now }
      await transaction
        .insertInto('usage_settings')
        .values({ workspace, ...row })
        .onConflict((conflict) => conflict.column('workspace').doUpdateSet(row))
        .execute()
      await notices.publish(channel, workspace, { within: transaction })
    },
    refresh: read,
    close: unsubscribe,
  }
}

function columnsOf(settings: UsageSettings) {
  const { keepContent, contentByRequest, redaction } = settings
  return {
    keep_content: keepContent ? 1 : 0,
    content_by_request: contentByRequest ? 1 : 0,
    row_days: settings.rowDays,
    content_days: settings.contentDays,
    trace_days: settings.traceDays,
    redaction: redacts(redaction) ? JSON.stringify(redaction) : null,
  }
}

function settingsOf(row: Row<'usage_settings'>): UsageSettings {
  return {
    keepContent: row.keep_content === 1,
    contentByRequest: row.content_by_request === 1,
    rowDays: row.row_days,
    contentDays: row.content_days,
    traceDays: row.trace_days,
    redaction: row.redaction === null ? noRedaction : (JSON.parse(row.redaction) as Redaction),
  }
}
