// Writes entries of the audit log as lines: JSON, or CSV for spreadsheets. Pure.

import type { Row } from '../../database/tables.ts'

/** How lines are written. */
export type ExportFormat = 'jsonl' | 'csv'

const columns = [
  ...(['sequence', 'id', 'at', 'action', 'actor_kind', 'actor', 'actor_person', 'actor_account'] as const),
  ...(['workspace', 'target_kind', 'target', 'details', 'previous', 'hash'] as const),
] satisfies (keyof Row<'audit_log'>)[]

/** Entries as text, a line each; CSV begins with the names of the columns (RFC 4180). */
export async function* exportLines(
  entries: AsyncIterable<Row<'audit_log'>>,
  format: ExportFormat,
): AsyncGenerator<string> {
  if (format === 'csv') yield `${columns.join(',')}\r\n`
  for await (const entry of entries) {
    yield format === 'csv'
      ? `${columns.map((column) => cell(entry[column])).join(',')}\r\n`
      : `${JSON.stringify({ ...entry, details: JSON.parse(entry.details) })}\n`
  }
}

/** A quoted cell. What a spreadsheet would take for a formula stays text. */
function cell(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const plain = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return `"${plain.replaceAll('"', '""')}"`
}
