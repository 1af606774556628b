// `galerne batch`: answers a file of requests at half price below live traffic; run, list, watch, cancel.
import { createWriteStream, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import {
  type Batch,
  cancelBatch,
  checkWritable,
  createBatch,
  download,
  hasEnded,
  isAway,
  listBatches,
  readBatch,
  uploadInput,
} from '../batch-client.ts'
import { type BatchInput, batchLines } from '../batch-input.ts'
import { batchDisplay, describeBatch, formatCost } from '../batch-progress.ts'
import { readDelimiter } from '../batch-table.ts'
import type { Connection } from '../connection.ts'
import { parseCount } from '../numbers.ts'
import { addRemote, type Options, withServer } from '../remote.ts'
import { printResult, remark, table } from '../terminal.ts'

/** Adds the command and its four. */
export function addBatchCommand(program: Command): void {
  const batch = program
    .command('batch')
    .summary('answer a file of requests, at half price and below live traffic')
    .description(
      'Answers a file of requests with idle streams of the running server, at half price. Live calls go first.',
    )
  addRun(batch)
  const list = batch
    .command('list')
    .summary('the newest batches')
    .option('--limit <number>', 'How many; 20 without it.')
  addRemote(list).action(async (options: Options) => {
    const limit = parseCount(String(options['limit'] ?? '20'), 'limit', 1, 100)
    const batches = await withServer(options, (connection) => listBatches(connection, limit))
    printResult(options['json'] === true, batches, () => batchTable(batches))
  })
  const watch = batch.command('watch <id>').summary('follow a batch until it has ended')
  watch.option('-o, --output <file>', 'Where its results go.')
  watch.option('--errors <file>', 'Where the results of lines that failed go; beside the output without it.')
  addRemote(watch).action(async (id: string, options: Options) => {
    await checkOutputs(options)
    await withServer(options, async (connection) => finish(connection, await follow(connection, id, options), options))
  })
  const cancel = batch.command('cancel <id>').summary('end a batch early; what was answered is kept')
  addRemote(cancel).action(async (id: string, options: Options) => {
    const cancelled = await withServer(options, (connection) => cancelBatch(connection, id))
    printResult(options['json'] === true, cancelled, () => `${cancelled.id} is ${cancelled.status}.`)
  })
}

function addRun(batch: Command): void {
  const run = batch
    .command('run <input>')
    .summary('upload a file of requests, follow it, fetch the results')
    .description(
      'Takes JSONL: lines of OpenAI or Mistral, or bare requests. Or a table (.csv, .tsv) with --prompt, where {column} is a cell:\n' +
        'galerne batch run mails.csv -o out.jsonl --use starter --prompt "Summarise: {text}"',
    )
    .option('-o, --output <file>', 'Where the results go; needed unless --detach is given.')
    .option('--errors <file>', 'Where the results of lines that failed go; beside the output without it.')
    .option('--use <model>', 'Model for lines that name none.')
    .option('--endpoint <path>', 'What the lines ask for.', '/v1/chat/completions')
    .option('--window <hours>', 'Hours it may take, 1 to 168.', '24')
    .option('--prompt <template>', 'For tables: the user message, with {column} where a cell goes.')
    .option('--system <template>', 'For tables: the system message.')
    .option('--id <column>', "For tables: the column with each row's id; its number without it.")
    .option('--delimiter <character>', 'For tables: what a cell ends with, or "tab"; seen in the header without it.')
    .option('--max-tokens <number>', 'For tables: tokens per answer at most.')
    .option('--detach', 'Do not wait: print the batch and end.')
  addRemote(run).action(async (path: string, options: Options) => {
    if (options['output'] === undefined && options['detach'] !== true) {
      throw fail('invalid_value', { param: 'output', reason: 'say where the results go, or --detach' })
    }
    await checkOutputs(options)
    await withServer(options, async (connection) => {
      const created = await submit(connection, path, options)
      if (options['detach'] === true) return printResult(options['json'] === true, created, () => created.id)
      remark(`${created.id}: goes on without this terminal too; "galerne batch watch ${created.id}" follows it again.`)
      await finish(connection, await follow(connection, created.id, options), options)
    })
  })
}

/** Where the results go, and those of lines that failed. */
function outputsOf(options: Options): { readonly output: string; readonly errors: string } | undefined {
  const { output, errors } = options
  if (typeof output !== 'string') return undefined
  return { output, errors: typeof errors === 'string' ? errors : `${output}.errors.jsonl` }
}

async function checkOutputs(options: Options): Promise<void> {
  const outputs = outputsOf(options)
  if (outputs === undefined) return
  await checkWritable(outputs.output, 'output')
  // Beside a device there is nothing to write to, until a line fails.
  if (typeof options['errors'] === 'string') await checkWritable(outputs.errors, 'errors')
}

async function submit(connection: Connection, path: string, options: Options): Promise<Batch> {
  const text = (name: string) => (typeof options[name] === 'string' ? { [name]: options[name] } : {})
  const maxTokens = options['maxTokens']
  const input: BatchInput = {
    path,
    endpoint: String(options['endpoint']),
    ...(typeof options['use'] === 'string' && { model: options['use'] }),
    ...text('prompt'),
    ...text('system'),
    ...(typeof options['id'] === 'string' && { idColumn: options['id'] }),
    ...(typeof options['delimiter'] === 'string' && { delimiter: readDelimiter(options['delimiter']) }),
    ...(maxTokens !== undefined && { maxTokens: parseCount(String(maxTokens), 'max-tokens', 1, 1_000_000) }),
  }
  const hours = parseCount(String(options['window']), 'window', 1, 168)
  const folder = await mkdtemp(join(tmpdir(), 'galerne-batch-'))
  // Whoever breaks off here leaves nothing of what was to be sent.
  const broken = () => {
    rmSync(folder, { recursive: true, force: true })
    process.exit(130)
  }
  process.once('SIGINT', broken)
  try {
    const prepared = join(folder, 'batch.jsonl')
    const lines = Readable.from(batchLines(input)).map((line: string) => `${line}\n`)
    await pipeline(lines, createWriteStream(prepared, { mode: 0o600 }))
    const file = await uploadInput(connection, prepared)
    return await createBatch(connection, {
      input_file_id: file,
      endpoint: input.endpoint,
      completion_window: `${hours}h`,
    })
  } finally {
    process.removeListener('SIGINT', broken)
    await rm(folder, { recursive: true, force: true })
  }
}

const pollMs = 500
/** A server that restarts is back sooner. */
const awayMs = 600_000

/** Shows a batch until it has ended. */
async function follow(connection: Connection, id: string, options: Options): Promise<Batch> {
  const display = batchDisplay(systemClock)
  let batch = await readBatch(connection, id)
  let seenAt = systemClock.elapsed()
  let isToldAway = false
  try {
    while (!hasEnded(batch)) {
      if (options['json'] !== true) display.show(batch)
      await delay(pollMs)
      try {
        batch = await readBatch(connection, id)
        seenAt = systemClock.elapsed()
        isToldAway = false
      } catch (error) {
        if (!isAway(error) || systemClock.elapsed() - seenAt > awayMs) throw error
        if (!isToldAway) remark(`${(error as Error).message} The batch is asked for again.`)
        isToldAway = true
      }
    }
    if (options['json'] !== true) display.show(batch)
    return batch
  } finally {
    display.end()
  }
}

/** Fetches the results and tells what came of it; anything but a batch whose lines all succeeded is an exit code of 1. */
async function finish(connection: Connection, batch: Batch, options: Options): Promise<void> {
  const outputs = outputsOf(options)
  const told: string[] = []
  for (const [what, file, path] of [
    ['results', batch.output_file_id, outputs?.output],
    ['lines that failed', batch.error_file_id, outputs?.errors],
  ] as const) {
    if (file === null || path === undefined) continue
    await download(connection, file, path)
    told.push(`${what}: ${path}`)
  }
  printResult(options['json'] === true, batch, () =>
    [
      describeBatch(batch),
      ...(batch.errors?.data ?? []).map(({ line, message }) => (line === null ? message : `line ${line}: ${message}`)),
      ...told,
    ].join('\n'),
  )
  if (batch.status !== 'completed' || batch.request_counts.failed > 0) process.exitCode = 1
}

function batchTable(batches: readonly Batch[]): string {
  return table([
    ['id', 'status', 'done', 'failed', 'of', 'tokens', 'cost', 'made'],
    ...batches.map(({ id, status, request_counts: counts, usage, cost, created_at }) => [
      ...[id, status, String(counts.completed), String(counts.failed), String(counts.total)],
      ...[String(usage.total_tokens), cost === null ? '' : formatCost(cost)],
      new Date(created_at * 1000).toISOString().slice(0, 16).replace('T', ' '),
    ]),
  ])
}
