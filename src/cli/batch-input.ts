// Makes the lines of a batch of what a user has: JSONL as it is or nearly so, or a table whose rows fill a prompt. Knows no server.
import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { fail } from '../base/errors.ts'
import { linesOf, readObject } from '../features/files/lines.ts'
import { type TableRow, tableRows } from './batch-table.ts'
import { readText } from './text-file.ts'

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
  /** For tables: what a cell ends with; seen in the header without it. */
  readonly delimiter?: string
}

/** The lines, as text. Throws `invalid_value` that names the flag or `invalid_file` that names the line. */
export async function* batchLines(input: BatchInput): AsyncGenerator<string> {
  const facts = await stat(input.path).catch(() => undefined)
  if (facts === undefined || facts.isDirectory()) {
    throw fail('invalid_value', { param: 'input', reason: `there is no file ${input.path}` })
  }
  const isTable = /^\.(csv|tsv)$/i.test(extname(input.path))
  for (const param of ['prompt', 'delimiter'] as const) {
    if (isTable || input[param] === undefined) continue
    throw fail('invalid_value', { param, reason: 'it goes with a table: a file that ends in .csv or .tsv' })
  }
  yield* isTable ? tableLines(input) : jsonLines(input)
}

/** No server takes a line that is longer. */
const longestLine = 256 * 2 ** 20

async function* jsonLines({ path, model, endpoint }: BatchInput): AsyncGenerator<string> {
  for await (const { number, bytes } of linesOf(readText(path), longestLine)) {
    const line = parseLine(bytes, number)
    if (line === undefined) continue
    // A bare request is a line too: what people have in their files is often just that.
    const body = 'body' in line ? line['body'] : line
    const { custom_id = `${number}`, method = 'POST', url = endpoint } = 'body' in line ? line : {}
    yield JSON.stringify({ custom_id, method, url, body: named(body, model) })
  }
}

/** A request with the model where it names none; what is no request stays as it is, for the server to say so. */
function named(body: unknown, model: string | undefined): unknown {
  const isRequest = typeof body === 'object' && body !== null && !Array.isArray(body)
  return !isRequest || model === undefined || 'model' in body ? body : { model, ...body }
}

function parseLine(bytes: Buffer, line: number): Record<string, unknown> | undefined {
  try {
    return readObject(bytes)
  } catch (error) {
    throw fail('invalid_file', { line, reason: (error as Error).message })
  }
}

async function* tableLines(input: BatchInput): AsyncGenerator<string> {
  const { path, model, prompt, system, idColumn, maxTokens, endpoint, delimiter } = input
  if (prompt === undefined) {
    const reason = 'a table needs it: text with {column} where a cell goes, for example "Summarise: {text}"'
    throw fail('invalid_value', { param: 'prompt', reason })
  }
  if (endpoint !== '/v1/chat/completions') {
    throw fail('invalid_value', { param: 'endpoint', reason: 'rows of a table become chat completions' })
  }
  let number = 0
  for await (const row of tableRows(path, delimiter)) {
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
function fill(template: string, row: TableRow): string {
  return template.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (found, column?: string) =>
    column === undefined ? found.slice(1) : cell(row, column, 'prompt'),
  )
}

function cell(row: TableRow, column: string, param: string): string {
  const value = Object.hasOwn(row, column) ? row[column] : undefined
  if (value !== undefined) return value
  const there = Object.keys(row).join(', ').slice(0, 200)
  throw fail('invalid_value', { param, reason: `the table has no column "${column}"; it has ${there}` })
}
