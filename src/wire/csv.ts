// Rows as CSV (RFC 4180), safe to open in a spreadsheet. Knows no field.

/** A header and lines. */
export function csv(rows: readonly Readonly<Record<string, unknown>>[], columns: readonly string[]): string {
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))].map(csvLine).join('')
}

/** One line with its end. */
export function csvLine(values: readonly unknown[]): string {
  return `${values.map(field).join(',')}\r\n`
}

/** What a spreadsheet takes for the beginning of a formula, full-width signs too (OWASP, CSV injection). */
const formula = /^[=+\-@\t\r\n＝＋－＠]/

/** Text that would be run as a formula is kept from that by an apostrophe. */
function field(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = formula.test(String(value)) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
