// The way of content into the database in workspaces that black things out: behind its row, never in the way of the call. Fails closed.
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import { redacts } from './redaction.ts'
import type { Redactor } from './redactor.ts'
import type { UsageContent, UsageRow } from './row.ts'
import type { SettingsBook } from './settings.ts'

/** Takes content that must be blacked out. */
export interface RedactedContents {
  /** Takes what was said in a call; false, and nothing taken, where its workspace blacks nothing out. Never waits. */
  take(row: Pick<UsageRow, 'id' | 'workspace' | 'at'>, content: UsageContent): boolean
  /** Resolves once what was taken until now is kept, or is known not to be. */
  settled(): Promise<void>
}

/** What it is made of. */
export interface RedactedContentsParts {
  readonly database: Pick<Database, 'query'>
  readonly settings: Pick<SettingsBook, 'of'>
  readonly redactor: Redactor
  readonly log: Log
}

/** Over the rules and their thread. */
export function redactedContents({ database, settings, redactor, log }: RedactedContentsParts): RedactedContents {
  const working = new Set<Promise<void>>()
  const keep = async ({ id, workspace, at }: Pick<UsageRow, 'id' | 'workspace' | 'at'>, content: UsageContent) => {
    const values = [content.input, content.output].map((text) => (text === null ? null : (JSON.parse(text) as unknown)))
    const redacted = await redactor.apply(settings.of(workspace).redaction, values)
    if (redacted === undefined)
      return log.warn({ call: id }, 'content is not kept: it could not be blacked out in time')
    const [input, output] = redacted.map((value) => (value === null ? null : JSON.stringify(value)))
    await database.query
      .insertInto('usage_contents')
      .values({ id, workspace, at, input: input ?? null, output: output ?? null })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
  }
  return {
    take(row, content) {
      if (!redacts(settings.of(row.workspace).redaction)) return false
      const work: Promise<void> = keep(row, content)
        .catch((error: unknown) => log.warn({ err: error, call: row.id }, 'content is not kept'))
        .finally(() => working.delete(work))
      working.add(work)
      return true
    },
    async settled() {
      await Promise.all(working)
    },
  }
}
