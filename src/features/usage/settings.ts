// What each workspace keeps of its calls, and how long; in memory for the request path. Knows no content and no row.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import type { Row, Tables } from '../../database/tables.ts'

/** A workspace's rules; null days: for ever. */
export interface UsageSettings {
  readonly keepContent: boolean
  readonly rowDays: number | null
  readonly contentDays: number | null
}

/** What holds where a workspace has set nothing. */
export const usualSettings: UsageSettings = { keepContent: false, rowDays: null, contentDays: null }

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
    async set(transaction, workspace, { keepContent, rowDays, contentDays }, now) {
      const row = { keep_content: keepContent ? 1 : 0, row_days: rowDays, content_days: contentDays, updated_at: now }
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

function settingsOf(row: Row<'usage_settings'>): UsageSettings {
  return { keepContent: row.keep_content === 1, rowDays: row.row_days, contentDays: row.content_days }
}
