// Writes entries of the audit log as lines: JSON, or CSV for spreadsheets. Pure.

import type { Row } from '../../database/tables.ts'
import { csvLine } from '../../wire/csv.ts'

/** How lines are written. */
export type ExportFormat = 'jsonl' | 'csv'

const columns = [
  ...(['sequence', 'id', 'at', 'action', 'actor_kind', 'actor', 'actor_person', 'actor_account'] as const),
  ...(['workspace', 'target_kind', 'target', 'details', 'previous', 'hash'] as const),
] satisfies (keyof Row<'audit_log'>)[]

/** Entries as text, a line each; CSV begins with the names of the columns. */
export async function* exportLines(
  entries: AsyncIterable<Row<'audit_log'>>,
  format: ExportFormat,
): AsyncGenerator<string> {
  if (format === 'csv') yield csvLine(columns)
  for await (const entry of entries) {
    yield format === 'csv'
      ? csvLine(columns.map((column) => entry[column]))
      : `${JSON.stringify({ ...entry, details: JSON.parse(entry.details) })}\n`
  }
}
