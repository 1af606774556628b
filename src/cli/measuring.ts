// What commands share that measure weights: their flags, how far they are, and the figures as a table. Knows no command.

import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { type Config, childEnvironment, processEnvironment } from '../base/config.ts'
import { createEgress } from '../base/egress.ts'
import { readMachine } from '../engine/plan-machine.ts'
import { measureFile, type QualityRecord } from '../features/models/measure.ts'
import { pull } from '../features/models/pull.ts'
import type { PulledModel } from '../features/models/pull-note.ts'
import { parseTasks } from '../features/models/quality.ts'
import { pullOptions } from '../features/models/served.ts'
import { progressDisplay } from './progress.ts'
import { formatBytes, table } from './terminal.ts'

/** The flags of whatever measures. */
export interface MeasureFlags {
  readonly text?: string
  readonly tasks?: string
  readonly json?: boolean
}

/** The settings that say where weights come from. */
export const weightSettings = [
  'home',
  'threads',
  'hub-url',
  'hub-token',
  'hub-mirror',
  'hub-cache',
  'ollama-url',
] as const

/** Adds the flags. */
export function addMeasuring(command: Command): Command {
  return command
    .option('--text <file>', 'Text for the perplexity, at least 512 tokens; our own without it.')
    .option('--tasks <file>', 'Questions for the accuracy, a line each: {"prompt": …, "choices": […], "answer": 0}.')
}

/** Threads to compute on. */
export function threadsOf({ threads }: Config): number {
  return threads ?? readMachine().cores
}

/** Aborts with these words when the user ends the command. */
export function interrupted(message: string): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort(new Error(message)))
  return controller.signal
}

/** The weights of a reference, fetched where they are not here. */
export async function fetchWeights(
  reference: string,
  config: Config,
  { json }: MeasureFlags,
  signal: AbortSignal,
): Promise<PulledModel> {
  const egress = createEgress()
  const display = progressDisplay(reference)
  try {
    return await pull(reference, {
      ...(await pullOptions(config, egress, processEnvironment())),
      ...{ allowPrivate: true, signal },
      ...(json !== true && { onProgress: display.show }),
    })
  } finally {
    display.end()
    await egress.close()
  }
}

/** Measures one file after the other with the same text and tasks. */
export function measurer(
  config: Config,
  flags: MeasureFlags,
  signal: AbortSignal,
): (model: PulledModel) => Promise<QualityRecord> {
  const read = async (path: string | undefined) => (path === undefined ? undefined : await readFile(path, 'utf8'))
  return async (model) => {
    const [text, tasks] = await Promise.all([read(flags.text), read(flags.tasks)])
    const show = flags.json === true || process.stderr.isTTY !== true ? undefined : shownOn(process.stderr, model.name)
    return await measureFile(model, {
      ...{ home: config.home, text, signal, environment: childEnvironment(), onProgress: show },
      ...{ tasks: tasks === undefined ? undefined : parseTasks(tasks) },
      ...{ threads: config.threads },
    })
  }
}

/** The figures, each record under its label. */
export function figures(records: readonly (readonly [label: string, record: QualityRecord])[]): string {
  const heads = ['', 'quantisation', 'size', 'perplexity', 'tokens/s', 'accuracy']
  return table([heads, ...records.map(([label, record]) => rowOf(label, record))])
}

function rowOf(label: string, record: QualityRecord): string[] {
  const { quantisation, sizeBytes, perplexity, perplexityError, tokensPerSecond, accuracy } = record
  return [
    ...[label, quantisation, formatBytes(sizeBytes), `${perplexity.toFixed(3)} ± ${perplexityError.toFixed(3)}`],
    ...[tokensPerSecond.toFixed(1), accuracy === undefined ? '–' : `${(100 * accuracy).toFixed(1)} %`],
  ]
}

/** One line that moves. */
function shownOn(stream: NodeJS.WriteStream, name: string): (done: number) => void {
  return (done) => {
    stream.write(`\r\u001b[K${name}  measured ${Math.floor(100 * done)}%${done >= 1 ? '\n' : ''}`)
  }
}
