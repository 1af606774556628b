// Makes the lines of a batch of what a user has: JSONL as it is or nearly so, or a table whose rows fill a prompt. Knows no server.
import { createReadStream } from 'node:fs'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { parse } from 'csv-parse'
import { fail } from '../base/errors.ts'

/** How lines are made. */
export interface BatchInput {
  readonly path: string
  /** For lines that name none; every row of a table needs it. */
  readonly model?: string
  readonly endpoint: string
  /** For tables: text with {column} where a cell goes. */
  readonly prompt?: string
  readonly system?: string
  /** For tables: the column that holds each row's id; the row's number without it. */
  readonly idColumn?: string
  readonly maxTokens?: number
}

/** The lines, as text. Throws `invalid_value` that names the flag or `invalid_file` that names the line. */
export async function* batchLines(input: BatchInput): AsyncGenerator<string> {
  const isTable = /^\.(csv|tsv)$/i.test(extname(input.path))
  if (!isTable && input.prompt !== undefined) {
    throw fail('invalid_value', { param: 'prompt', reason: 'it goes with a table: a file that ends in .csv or .tsv' })
  }
  yield* isTable ? tableLines(input) : jsonLines(input)
}

async function* jsonLines({ path, model, endpoint }: BatchInput): AsyncGenerator<string> {
  let number = 0
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1
    if (text.trim() === '') continue
    const line = parseLine(text, number)
    // A bare request is a line too: what people have in their files is often just that.
    const body = 'body' in line ? (line['body'] as Record<string, unknown>) : line
    const named = model === undefined || body['model'] !== undefined ? body : { model, ...body }
    const { custom_id = `${number}`, method = 'POST', url = endpoint } = 'body' in line ? line : {}
    yield JSON.stringify({ custom_id, method, url, body: named })
  }
}

function parseLine(text: string, line: number): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    throw fail('invalid_file', { line, reason: 'it is not JSON' })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw fail('invalid_file', { line, reason: 'it must be a JSON object, {…}' })
}

async function* tableLines(input: BatchInput): AsyncGenerator<string> {
  const { path, model, prompt, system, idColumn, maxTokens, endpoint } = input
  if (prompt === undefined) {
    const reason = 'a table needs it: text with {column} where a cell goes, for example "Summarise: {text}"'
    throw fail('invalid_value', { param: 'prompt', reason })
  }
  if (endpoint !== '/v1/chat/completions') {
    throw fail('invalid_value', { param: 'endpoint', reason: 'rows of a table become chat completions' })
  }
  const delimiter = path.toLowerCase().endsWith('.tsv') ? '\t' : ','
  const rows = createReadStream(path).pipe(parse({ bom: true, columns: true, delimiter, skip_empty_lines: true }))
  let number = 0
  for await (const row of rows as AsyncIterable<Record<string, string>>) {
    number += 1
    const messages = [
      ...(system === undefined ? [] : [{ role: 'system', content: fill(system, row) }]),
      { role: 'user', content: fill(prompt, row) },
    ]
    const body = { model, ...(maxTokens !== undefined && { max_tokens: maxTokens }), messages }
    const id = idColumn === undefined ? `${number}` : cell(row, idColumn, 'id')
    yield JSON.stringify({ custom_id: id, method: 'POST', url: endpoint, body })
  }
}

/** `{{` and `}}` are the braces themselves. */
function fill(template: string, row: Record<string, string>): string {
  return template.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (found, column?: string) =>
    column === undefined ? found.slice(1) : cell(row, column, 'prompt'),
  )
}

function cell(row: Record<string, string>, column: string, param: string): string {
  const value = row[column]
  if (value !== undefined) return value
  const there = Object.keys(row).join(', ').slice(0, 200)
  throw fail('invalid_value', { param, reason: `the table has no column "${column}"; it has ${there}` })
}
