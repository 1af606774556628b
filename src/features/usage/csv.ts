// Rows as CSV (RFC 4180). Knows no field.

/** A header and lines. Text that a spreadsheet would run as a formula is kept from that by an apostrophe (OWASP, CSV injection). */
export function csv(rows: readonly Readonly<Record<string, unknown>>[], columns: readonly string[]): string {
  const lines = rows.map((row) => columns.map((column) => field(row[column])).join(','))
  return [columns.map(field).join(','), ...lines, ''].join('\r\n')
}

function field(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = /^[=+\-@\t\r]/.test(String(value)) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
