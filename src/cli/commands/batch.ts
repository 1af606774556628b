// `galerne batch`: answers a file of requests at half price below live traffic; run, list, watch, cancel.
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import {
  type Batch,
  cancelBatch,
  createBatch,
  download,
  hasEnded,
  listBatches,
  readBatch,
  uploadInput,
} from '../batch-client.ts'
import { type BatchInput, batchLines } from '../batch-input.ts'
import { batchDisplay, describeProgress, formatCost } from '../batch-progress.ts'
import { type Connection, connect } from '../connection.ts'
import { parseCount } from '../numbers.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { printResult, remark, table } from '../terminal.ts'

type Options = Readonly<Record<string, unknown>>

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
  withServer(list, async (connection, options) => {
    const limit = parseCount(String(options['limit'] ?? '20'), 'limit', 1, 100)
    const batches = await listBatches(connection, limit)
    printResult(options['json'] === true, batches, () => batchTable(batches))
  })
  const watch = batch.command('watch <id>').summary('follow a batch until it has ended')
  watch.option('-o, --output <file>', 'Where its results go.')
  watch.option('--errors <file>', 'Where the results of lines that failed go; beside the output without it.')
  withServer(watch, async (connection, options, id) =>
    finish(connection, await follow(connection, id, options), options),
  )
  const cancel = batch.command('cancel <id>').summary('end a batch early; what was answered is kept')
  withServer(cancel, async (connection, options, id) => {
    const cancelled = await cancelBatch(connection, id)
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
    .requiredOption('-o, --output <file>', 'Where the results go.')
    .option('--errors <file>', 'Where the results of lines that failed go; beside the output without it.')
    .option('--use <model>', 'Model for lines that name none.')
    .option('--endpoint <path>', 'What the lines ask for.', '/v1/chat/completions')
    .option('--window <hours>', 'Hours it may take, 1 to 168.', '24')
    .option('--prompt <template>', 'For tables: the user message, with {column} where a cell goes.')
    .option('--system <template>', 'For tables: the system message.')
    .option('--id <column>', "For tables: the column with each row's id; its number without it.")
    .option('--max-tokens <number>', 'For tables: tokens per answer at most.')
    .option('--detach', 'Do not wait: print the batch and end.')
  withServer(run, async (connection, options, path) => {
    const created = await submit(connection, path, options)
    if (options['detach'] === true) return printResult(options['json'] === true, created, () => created.id)
    remark(`${created.id}: goes on without this terminal too; "galerne batch watch ${created.id}" follows it again.`)
    await finish(connection, await follow(connection, created.id, options), options)
  })
}

/** Adds what every one of them has: where the server is, JSON, and a connection that is closed. */
function withServer(
  command: Command,
  action: (connection: Connection, options: Options, argument: string) => Promise<void>,
): void {
  command.option('--url <address>', 'Address of the server; found by itself when it runs on this machine.')
  addJson(addSettings(command, ['home', 'host', 'port', 'api-key']))
  command.action(async (...given: unknown[]) => {
    const [options, argument] = given.length > 2 ? [given[1], given[0]] : [given[0], '']
    const flags = options as Options
    const url = flags['url']
    const connection = await connect(configFrom(flags), typeof url === 'string' ? url : undefined)
    try {
      await action(connection, flags, String(argument))
    } finally {
      await connection.close()
    }
  })
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
    ...(maxTokens !== undefined && { maxTokens: parseCount(String(maxTokens), 'max-tokens', 1, 1_000_000) }),
  }
  const hours = parseCount(String(options['window']), 'window', 1, 168)
  const folder = await mkdtemp(join(tmpdir(), 'galerne-batch-'))
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
    await rm(folder, { recursive: true, force: true })
  }
}

const pollMs = 500

/** Shows a batch until it has ended. */
async function follow(connection: Connection, id: string, options: Options): Promise<Batch> {
  const display = batchDisplay(systemClock)
  try {
    for (;;) {
      const batch = await readBatch(connection, id)
      if (options['json'] !== true) display.show(batch)
      if (hasEnded(batch)) return batch
      await delay(pollMs)
    }
  } finally {
    display.end()
  }
}

/** Fetches the results and tells what came of it; anything but a batch whose lines all succeeded is an exit code of 1. */
async function finish(connection: Connection, batch: Batch, options: Options): Promise<void> {
  const output = typeof options['output'] === 'string' ? options['output'] : undefined
  const errors = typeof options['errors'] === 'string' ? options['errors'] : `${output}.errors.jsonl`
  if (output !== undefined && batch.output_file_id !== null) await download(connection, batch.output_file_id, output)
  if (output !== undefined && batch.error_file_id !== null) await download(connection, batch.error_file_id, errors)
  printResult(options['json'] === true, batch, () =>
    [
      describeProgress(batch, { tokensPerSecond: 0, linesPerSecond: 0 }),
      ...(batch.errors?.data ?? []).map(({ line, message }) => (line === null ? message : `line ${line}: ${message}`)),
      ...(output !== undefined && batch.output_file_id !== null ? [`results: ${output}`] : []),
      ...(output !== undefined && batch.error_file_id !== null ? [`lines that failed: ${errors}`] : []),
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
