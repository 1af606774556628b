// Measures a file of weights without a server, and keeps the figures in `home`: perplexity, accuracy where tasks are given, speed, size.

import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Clock, systemClock } from '../../base/clock.ts'
import { readHeader } from '../../engine/header.ts'
import { withModel } from '../../engine/one-model.ts'
import { quantisationOf } from '../../engine/quantisations.ts'
import { verify } from './download-verify.ts'
import { digestOf } from './pull.ts'
import type { PulledModel } from './pull-note.ts'
import { type ChoiceTask, measureAccuracy, measurePerplexity, measureSpeed, windowTokens } from './quality.ts'
import { usualText } from './quality-text.ts'

/** What was measured of one file of weights. Figures compare where `textSha256`, `window` and `tasksSha256` are the same. */
export interface QualityRecord {
  readonly model: string
  /** sha256 of the weights. */
  readonly digest: string
  readonly quantisation: string
  readonly perplexity: number
  /** Standard error of the perplexity. */
  readonly perplexityError: number
  /** Part of the tasks that was right, 0–1; absent without tasks. */
  readonly accuracy?: number
  readonly tasks?: number
  readonly tasksSha256?: string
  /** Tokens of the text that were scored, and of the windows they stood in. */
  readonly tokens: number
  readonly window: number
  readonly textSha256: string
  /** Of one answer at a time, on this machine. */
  readonly tokensPerSecond: number
  readonly sizeBytes: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** What to measure with. */
export interface MeasureFileOptions {
  /** Data folder that keeps the record. */
  readonly home: string
  /** Our own text without it. */
  readonly text?: string | undefined
  readonly tasks?: readonly ChoiceTask[] | undefined
  readonly threads?: number | undefined
  readonly environment: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly onProgress?: ((done: number) => void) | undefined
  readonly clock?: Clock
}

/** Tokens that a question with a choice may have. */
const taskTokens = 2048
/** Records of one file that are kept. */
const mostRecords = 100

/** Measures and keeps. Throws what loading throws, and `invalid_value` for a text that is too short. */
export async function measureFile(model: PulledModel, options: MeasureFileOptions): Promise<QualityRecord> {
  const { home, text = usualText, tasks, signal, onProgress, clock = systemClock } = options
  const header = readHeader(model.path, model.name)
  const trained = Number(header.metadata.get(`${header.architecture}.context_length`))
  const window = Math.min(windowTokens, trained)
  const contextLength = Math.min(trained, tasks === undefined ? window : Math.max(window, taskTokens))
  const digest = model.sha256 ?? (await hashOf(model))
  const engine = { path: model.path, name: model.name, contextLength, ...options }
  const measured = await withModel(engine, async (one) => {
    const share = tasks === undefined ? 1 : 0.5
    const speed = await measureSpeed(one, signal)
    const part = (done: number) => onProgress?.(done * share)
    const { perplexity, error, tokens } = await measurePerplexity(one, text, { signal, onProgress: part }, window)
    const rest = (done: number) => onProgress?.(share + done * (1 - share))
    const accuracy = tasks && (await measureAccuracy(one, tasks, { signal, onProgress: rest }))
    return { perplexity, perplexityError: error, tokens, speed, accuracy }
  })
  const { speed, accuracy, ...figures } = measured
  const record: QualityRecord = {
    ...{ model: model.name, digest, quantisation: quantisationOf(header), ...figures },
    ...(accuracy !== undefined && { accuracy, tasks: tasks?.length ?? 0, tasksSha256: sha256(JSON.stringify(tasks)) }),
    ...{ window, textSha256: sha256(text), tokensPerSecond: speed, sizeBytes: model.bytes, at: clock.now() },
  }
  await keep(record, home)
  return record
}

/** All that was measured of a file of weights, the oldest first. */
export async function qualityRecords(home: string, digest: string): Promise<readonly QualityRecord[]> {
  const text = await readFile(recordFile(home, digest), 'utf8').catch(() => '[]')
  return JSON.parse(text) as readonly QualityRecord[]
}

async function keep(record: QualityRecord, home: string): Promise<void> {
  const file = recordFile(home, record.digest)
  await mkdir(join(home, 'quality'), { recursive: true })
  const records = [...(await qualityRecords(home, record.digest)), record].slice(-mostRecords)
  await writeFile(`${file}.next`, `${JSON.stringify(records, null, 2)}\n`)
  await rename(`${file}.next`, file)
}

function recordFile(home: string, digest: string): string {
  return join(home, 'quality', `${basename(digest)}.json`)
}

async function hashOf({ files }: PulledModel): Promise<string> {
  const hashed: { sha256: string }[] = []
  for (const { path } of files) hashed.push({ sha256: await verify(path, { bytes: undefined, sha256: undefined }) })
  return digestOf(hashed) ?? ''
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
