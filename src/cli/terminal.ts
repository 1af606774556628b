// What commands print with: results on standard output, remarks on standard error, tables, and dim text where the terminal has it.
import { colorsWanted } from '../base/config.ts'

/** Prints a result as JSON or as text, whichever the user asked for. */
export function printResult(json: boolean | undefined, value: unknown, text: () => string): void {
  process.stdout.write(json === true ? `${JSON.stringify(value, null, 2)}\n` : `${text()}\n`)
}

/** Prints something that is not the result: progress, advice, figures. */
export function remark(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Grey text, where `stream` is a terminal with colours. */
export function dim(text: string, stream: { readonly isTTY?: boolean } = process.stdout): string {
  return stream.isTTY === true && colorsWanted() ? `\u001b[90m${text}\u001b[0m` : text
}

/** Lines with columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `98362432` → `98.4 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  const value = bytes / 1000 ** power
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`
}

/** `95` → `1m 35s`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`
  return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`
}
