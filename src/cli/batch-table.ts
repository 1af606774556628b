// Reads the rows of a table, as spreadsheets write it: with commas, semicolons or tabs, in UTF-8 or UTF-16. Knows no batch.
import { isUtf8 } from 'node:buffer'
import { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { fail } from '../base/errors.ts'
import { readText } from './text-file.ts'

/** Cells by the names of their columns. */
export type TableRow = Readonly<Record<string, string>>

/** Ends of cells, the usual first. */
const delimiters = [',', ';', '\t', '|'] as const

/** Reads what a user says a cell ends with. Throws `invalid_value`. */
export function readDelimiter(text: string): string {
  if (text === 'tab' || text === '\\t') return '\t'
  if (text.length === 1 && !/["\r\n]/.test(text)) return text
  throw fail('invalid_value', { param: 'delimiter', reason: 'it must be one character, such as ";", or "tab"' })
}

/** The rows under the header. What ends a cell is seen in the header unless it is said. Throws `invalid_file`. */
export async function* tableRows(path: string, said?: string): AsyncGenerator<TableRow> {
  const text = checked(readText(path))
  const { value: first = Buffer.alloc(0) } = (await text.next()) as { value?: Buffer }
  const header = headerOf(first)
  const delimiter = said ?? header.said ?? (/\.tsv$/i.test(path) ? '\t' : mostOf(header.text))
  const rows = parse({
    bom: true,
    columns: named,
    delimiter,
    // Between tabs a quote inside a cell is a quote; elsewhere it is a mistake.
    relax_quotes: delimiter === '\t',
    skip_empty_lines: true,
    // The rows below the last one that holds something.
    skip_records_with_empty_values: true,
    ...(header.said !== undefined && { from_line: 2 }),
  })
  const bytes = Readable.from(follow(first, text))
  bytes.on('error', (error) => rows.destroy(error))
  try {
    yield* bytes.pipe(rows) as AsyncIterable<TableRow>
  } catch (error) {
    throw told(error, delimiter)
  }
}

async function* follow(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* rest
}

/** The first line, or what a line `sep=;` before it says for spreadsheets. */
function headerOf(start: Buffer): { readonly text: string; readonly said?: string } {
  const text = start.toString('utf8').replace(/^\uFEFF/, '')
  const said = /^"?sep=(.)"?\r?(\n|$)/i.exec(text)?.[1]
  if (said !== undefined) return { text, said }
  // What stands in quotes is no end of a cell, nor of the line.
  return { text: (/^(?:"[^"]*"|[^"\r\n])*/.exec(text)?.[0] ?? '').replace(/"[^"]*"/g, '') }
}

function mostOf(header: string): string {
  const counts = delimiters.map((delimiter) => ({ delimiter, count: header.split(delimiter).length }))
  return counts.reduce((most, one) => (one.count > most.count ? one : most)).delimiter
}

/** The columns by their names; one without a name is left out, and two of one name are refused: nobody could say which is meant. */
function named(header: readonly string[]): (string | undefined)[] {
  const names = header.map((name) => name.trim())
  const twice = names.find((name, index) => name !== '' && names.indexOf(name) !== index)
  if (twice === undefined) return names.map((name) => (name === '' ? undefined : name))
  throw fail('invalid_file', { reason: `two of its columns are named "${twice.slice(0, 100)}": give one another name` })
}

/** The parser's words with the line, and with what cells were taken to end with. */
function told(error: unknown, delimiter: string): unknown {
  if (!(error instanceof CsvError)) return error
  const end = delimiter === '\t' ? 'a tab' : `"${delimiter}"`
  const reason = `${error.message}; its cells were read to end with ${end}, and --delimiter says otherwise`
  return fail('invalid_file', { reason }, error)
}

/** Whole lines of the bytes; text of another encoding would become other words. Throws `invalid_file` that names the line. */
async function* checked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0)
  let before = 0
  const check = (text: Buffer): Buffer => {
    if (isUtf8(text) && !text.includes(0)) return text
    const lines = text.toString('latin1').split('\n')
    const wrong = lines.findIndex((line) => line.includes('\0') || !isUtf8(Buffer.from(line, 'latin1')))
    throw fail('invalid_file', { reason: `line ${before + wrong + 1} is not UTF-8 text: save it as UTF-8` })
  }
  for await (const chunk of source) {
    const all = Buffer.concat([held, chunk])
    const end = all.lastIndexOf(10) + 1
    held = all.subarray(end)
    const whole = check(all.subarray(0, end))
    for (let at = whole.indexOf(10); at >= 0; at = whole.indexOf(10, at + 1)) before += 1
    if (whole.length > 0) yield whole
  }
  yield check(held)
}
