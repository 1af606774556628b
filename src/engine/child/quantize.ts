// An own process that quantises one file and ends. Says beforehand how large the result will be, and waits to be told to begin.

import { promisify } from 'node:util'
import koffi from 'koffi'
import { Failure, fail } from '../../base/errors.ts'
import type { FromQuantizer, QuantizeTask, ToQuantizer } from '../quantize.ts'
import { type ImportanceMatrix, readImportanceMatrix } from './importance-matrix.ts'
import { importanceEntry, type StructValue } from './layout.ts'
import { openLibrary } from './library.ts'
import { declareFunctions, type Llama, type Pointer } from './llama.ts'

const mebibyte = 2 ** 20
const begin = Promise.withResolvers<void>()

function send(news: FromQuantizer): void {
  if (process.connected) process.send?.(news, () => {})
}

/** Reads the log, which is where the library says everything. */
class Log {
  readonly errors: string[] = []
  fallbacks = 0
  resultBytes = 0
  needsImportance = false
  #doneBytes = 0

  hear(level: string, line: string, isReal: boolean): void {
    const [, mebibytes] = /^\[ *\d+\/ *\d+\] .*size = +([\d.]+) MiB/.exec(line) ?? []
    if (mebibytes !== undefined && isReal) {
      this.#doneBytes += Number(mebibytes) * mebibyte
      send({ type: 'progress', bytes: Math.round(this.#doneBytes) })
    }
    this.resultBytes = Number(/quant size += +([\d.]+) MiB/.exec(line)?.[1] ?? 0) * mebibyte || this.resultBytes
    this.fallbacks = Number(/(\d+) of \d+ tensor\(s\) required fallback/.exec(line)?.[1] ?? this.fallbacks)
    this.needsImportance ||= /will require an imatrix/.test(line)
    if (level === 'error') this.errors.push(line)
  }

  /** The last error that says why, in the library's words. */
  get reason(): string {
    const line = this.errors.findLast((text) => /failed to quantize/.test(text)) ?? this.errors.at(-1)
    return line?.replace(/^.*failed to quantize: /, '').trim() ?? 'the engine gave no reason'
  }
}

async function run(task: QuantizeTask): Promise<void> {
  const log = new Log()
  let isReal = false
  const llama = declareFunctions(openLibrary((level, line) => log.hear(level, line, isReal)))
  const matrix = task.importance === undefined ? undefined : await readImportanceMatrix(task.importance)
  const params: StructValue = {
    ...llama.quantizeDefaults(),
    ftype: task.type,
    nthread: task.threads,
    allow_requantize: task.allowRequantize,
    imatrix: matrix === undefined ? null : nativeMatrix(matrix),
  }
  await call(llama, task, { ...params, dry_run: true }, log)
  if (log.needsImportance) {
    const reason = 'so few bits give nonsense without an importance matrix: name one'
    throw fail('invalid_value', { param: 'importance-matrix', reason })
  }
  send({ type: 'size', bytes: Math.round(log.resultBytes) })
  await begin.promise
  isReal = true
  await call(llama, task, params, log)
  send({ type: 'done', fallbacks: log.fallbacks })
}

async function call(llama: Llama, { input, output }: QuantizeTask, params: StructValue, log: Log): Promise<void> {
  const code = await promisify(llama.quantize.async)(input, output, params)
  if (code !== 0) throw fail('quantization_failed', { model: input, reason: log.reason })
}

/** The array that the library reads, in memory that lives as long as this process. */
function nativeMatrix(matrix: ImportanceMatrix): Pointer {
  const entries = [...matrix]
  const array = koffi.alloc(importanceEntry, entries.length + 1) as Pointer
  const words = new BigUint64Array(koffi.view(array, (entries.length + 1) * koffi.sizeof(importanceEntry)))
  words.fill(0n)
  for (const [place, [name, values]] of entries.entries()) {
    const text = Buffer.from(`${name}\0`)
    const nativeName = koffi.alloc('char', text.length) as Pointer
    new Uint8Array(koffi.view(nativeName, text.length)).set(text)
    const nativeValues = koffi.alloc('float', values.length) as Pointer
    new Float32Array(koffi.view(nativeValues, values.length * 4)).set(values)
    words.set([nativeName, nativeValues, BigInt(values.length)], place * 3)
  }
  return array
}

function end(news: FromQuantizer): void {
  process.send?.(news, () => process.exit(0))
}

process.on('message', (message) => {
  const told = message as ToQuantizer
  if (told.type === 'go') begin.resolve()
  else {
    run(told.task).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      const failure = error instanceof Failure ? error : fail('quantization_failed', { model: told.task.input, reason })
      end({ type: 'failed', failure: failure.toJSON() })
    })
  }
})
// Nobody waits for the result any more; the next run overwrites what lies there.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// A terminal sends its signals to the whole group; the parent decides, and removes the file.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
