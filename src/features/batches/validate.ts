// Reads a batch's inputs once, line by line within bounded memory, and makes its lines; or says what is wrong with which of them.
import { Failure } from '../../base/errors.ts'
import type { NewRow } from '../../database/tables.ts'
import type { Files } from '../files/files.ts'
import { linesOf } from '../files/lines.ts'
import type { ModelAccess, Registry } from '../models/registry.ts'
import type { LineStore } from './lines.ts'
import { rankOf } from './rank.ts'
import { LineFault, type LineRequest, readLine } from './read-line.ts'
import type { BatchRow } from './store.ts'

/** What is wrong with a line, or with the whole input: OpenAI's shape. */
export interface BatchFault {
  readonly code: string
  readonly message: string
  readonly param: string | null
  readonly line: number | null
}

/** What reading needs. */
export interface ValidateParts {
  readonly files: Files
  readonly lines: LineStore
  readonly registry: Pick<Registry, 'versionOf'>
}

/** Lines written at once. */
const chunk = 500
/** Faults that are told; more would not be read. */
const mostFaults = 50
/** Lines at most: Mistral's figure, OpenAI's is 50,000. */
export const mostLines = 1_000_000

/** Makes the lines of a batch that has none yet, and counts them; a batch with faults gets them back instead. */
export async function validateBatch(
  batch: BatchRow,
  parts: ValidateParts,
  signal: AbortSignal,
): Promise<{ readonly total: number; readonly faults: readonly BatchFault[] }> {
  const collector = createCollector(batch, parts)
  try {
    await readInputs(batch, parts, collector, signal)
  } catch (error) {
    // A line that no longer fits the limits that it was uploaded under.
    if (!(error instanceof Failure) || error.code !== 'invalid_file') throw error
    const line = Number(error.fields['line'] ?? 0)
    return { total: 0, faults: [{ code: 'invalid_json_line', message: error.message, param: null, line }] }
  }
  const { total, faults } = collector
  if (total === 0 && faults.length === 0) {
    return { total, faults: [{ code: 'empty_file', message: 'The input has no requests.', param: null, line: null }] }
  }
  return { total, faults }
}

async function readInputs(
  batch: BatchRow,
  { files }: ValidateParts,
  collector: Collector,
  signal: AbortSignal,
): Promise<void> {
  for (const [input, content] of (JSON.parse(batch.inputs) as string[]).entries()) {
    const source = (await files.read(content)) as AsyncIterable<Buffer>
    for await (const line of linesOf(source, files.longestLine)) {
      signal.throwIfAborted()
      await collector.add(input, line)
      if (collector.faults.length >= mostFaults) return
    }
  }
  await collector.flush()
}

interface Collector {
  readonly faults: readonly BatchFault[]
  readonly total: number
  add(input: number, line: { readonly number: number; readonly start: number; readonly bytes: Buffer }): Promise<void>
  flush(): Promise<void>
}

function createCollector(batch: BatchRow, { lines, registry }: ValidateParts): Collector {
  const access = (batch.access === null ? {} : { models: JSON.parse(batch.access) }) as ModelAccess
  const versionOf = versionsOf(batch, registry, access)
  const faults: BatchFault[] = []
  let held: NewRow<'batch_lines'>[] = []
  let heldIds = new Map<string, number>()
  let total = 0
  let number = 0
  const places = createPlaces(batch)
  const fault = (line: number, { code, param, message }: LineFault) =>
    faults.push({ code, param, ...places.tell(line, message) })
  const flush = async () => {
    if (held.length === 0) return
    const known = heldIds.size === 0 ? new Map<string, number>() : await lines.known(batch.id, [...heldIds.keys()])
    for (const [customId, first] of known) fault(heldIds.get(customId) ?? 0, duplicate(customId, places.words(first)))
    // What has faults will not run: nothing more is written.
    if (faults.length === 0) await lines.insert(held)
    total += held.length
    held = []
    heldIds = new Map()
  }
  return {
    faults,
    get total() {
      return total
    },
    flush,
    async add(input, line) {
      number += 1
      places.begin(input, number)
      try {
        const request = readLine(line.bytes, batch)
        if (request === undefined) return
        if (total + held.length >= mostLines) {
          throw new LineFault('too_many_tasks', null, `A batch has at most ${mostLines} requests.`)
        }
        const version = versionOf(request.model)
        const first = request.customId === null ? undefined : heldIds.get(request.customId)
        if (request.customId !== null && first !== undefined) throw duplicate(request.customId, places.words(first))
        if (request.customId !== null) heldIds.set(request.customId, number)
        held.push(newLine(batch.id, number, input, line, { ...request, version }))
      } catch (error) {
        if (!(error instanceof LineFault)) throw error
        fault(number, error)
      }
      if (held.length >= chunk) await flush()
    },
  }
}

function newLine(
  batch: string,
  number: number,
  input: number,
  { start, bytes }: { readonly start: number; readonly bytes: Buffer },
  { customId, model, body, version }: LineRequest & { readonly version: string },
): NewRow<'batch_lines'> {
  return {
    batch,
    number,
    custom_id: customId,
    input,
    start,
    bytes: bytes.length,
    model: version,
    rank: rankOf(model, body),
    state: 'waiting',
    attempts: 0,
    output: null,
    error: null,
  }
}

/** The version of each model that the batch's lines stay with, whatever becomes of aliases meanwhile: the batch is one caller. */
function versionsOf(
  { id }: BatchRow,
  registry: Pick<Registry, 'versionOf'>,
  access: ModelAccess,
): (model: string) => string {
  const known = new Map<string, string>()
  return (model) => {
    try {
      const version = known.get(model) ?? registry.versionOf(model, { ...access, id, session: id })
      known.set(model, version)
      return version
    } catch (error) {
      throw new LineFault('model_not_found', 'body.model', (error as Error).message)
    }
  }
}

/** Where lines are told to lie, which are counted over all inputs: of several files each counts its own. */
function createPlaces({ input_files }: BatchRow) {
  const files = JSON.parse(input_files) as string[]
  const firsts: number[] = []
  const placeOf = (number: number) => {
    const input = firsts.findLastIndex((first) => first <= number)
    const line = number - (firsts[input] ?? 1) + 1
    return { line, file: files.length > 1 ? files[input] : undefined }
  }
  return {
    /** A line of an input comes; of its first one the number is kept. */
    begin(input: number, number: number) {
      firsts[input] ??= number
    },
    words(number: number): string {
      const { line, file } = placeOf(number)
      return file === undefined ? `line ${line}` : `line ${line} of ${file}`
    },
    tell(number: number, message: string): Pick<BatchFault, 'line' | 'message'> {
      const { line, file } = placeOf(number)
      return { line, message: file === undefined ? message : `${message} It is a line of ${file}.` }
    },
  }
}

function duplicate(customId: string, first: string): LineFault {
  const shown = customId.slice(0, 100)
  return new LineFault('duplicate_custom_id', 'custom_id', `The custom_id "${shown}" is also that of ${first}.`)
}
