// Rows 7 and 8: what a batch gets done beside live calls of the same lines, and what it costs those who call live meanwhile.
import { setTimeout as delay } from 'node:timers/promises'
import { complete, quantile, runRound, type Target } from '../load.ts'
import { promptWithoutSharedPrefix } from '../prompts.ts'

/** Tokens per second of the same number of lines, live and as a batch; medians over the rounds, which take turns. */
export interface BatchThroughput {
  /** As many live clients as batch work takes streams, and as many as there are. */
  readonly live: { readonly fewer: number; readonly all: number }
  readonly batch: number
  readonly ratio: { readonly fewer: number; readonly all: number }
}

/** First-token times of live calls, milliseconds. */
export interface BatchInterference {
  readonly everyMs: number
  readonly alone: Times
  readonly beside: Times
  /** Of p95. */
  readonly growth: number
  /** Lines that the batch got done meanwhile. */
  readonly lines: number
}

interface Times {
  readonly calls: number
  readonly p50: number
  readonly p95: number
}

const newTokens = 64

/** Lines as live calls and as a batch, in turn; every round has new ones of one length. */
export async function measureBatchThroughput(
  target: Target,
  options: { readonly streams: number; readonly lines: number; readonly rounds: number },
): Promise<BatchThroughput> {
  const { streams, lines, rounds } = options
  const speeds = { fewer: [] as number[], all: [] as number[], batch: [] as number[] }
  let seed = 700_000
  const prompts = () => Array.from({ length: lines }, () => promptWithoutSharedPrefix(seed++, 60))
  const live = async (clients: number) => (await runRound(target, prompts(), clients, newTokens)).tokensPerSecond
  await runRound(target, prompts().slice(0, streams), streams, 8)
  for (let round = 0; round < rounds; round++) {
    const measures = [
      async () => speeds.fewer.push(await live(streams - 1)),
      async () => speeds.batch.push(await runBatch(target, prompts())),
      async () => speeds.all.push(await live(streams)),
    ]
    for (const measure of round % 2 === 0 ? measures : measures.toReversed()) await measure()
  }
  const ratioTo = (those: readonly number[]) =>
    quantile(
      speeds.batch.map((speed, round) => speed / (those[round] ?? Number.NaN)),
      0.5,
    )
  return {
    live: { fewer: quantile(speeds.fewer, 0.5), all: quantile(speeds.all, 0.5) },
    batch: quantile(speeds.batch, 0.5),
    ratio: { fewer: ratioTo(speeds.fewer), all: ratioTo(speeds.all) },
  }
}

/** Tokens per second from the moment the batch is made until its last line is done. */
async function runBatch(target: Target, prompts: readonly string[]): Promise<number> {
  const started = performance.now()
  const id = await startBatch(target, prompts)
  for (;;) {
    const { request_counts: counts, usage } = await call(target, `/v1/batches/${id}`)
    if (counts.failed > 0) throw new Error(`${counts.failed} lines of ${id} failed`)
    if (counts.total > 0 && counts.completed === counts.total) {
      return usage.output_tokens / ((performance.now() - started) / 1000)
    }
    await delay(50)
  }
}

/** Milliseconds that a live call takes when nothing else runs; the median of some. */
export async function measureCall(target: Target): Promise<number> {
  const times: number[] = []
  for (let seed = 790_000; seed < 790_006; seed++)
    times.push((await complete(target, livePrompt(seed), newTokens)).totalMs)
  return quantile(times.slice(1), 0.5)
}

/** Prompts of 300 tokens. */
const livePrompt = (seed: number) => promptWithoutSharedPrefix(seed, 285)

/**
 * Live calls one by one, alone and beside a batch, in windows that take turns and change which comes first. The batch is cancelled
 * when enough was seen.
 */
export async function measureBatchInterference(
  target: Target,
  options: { readonly calls: number; readonly rounds: number; readonly lines: number; readonly everyMs: number },
): Promise<BatchInterference> {
  const { calls, rounds, lines, everyMs } = options
  const alone: number[] = []
  const beside: number[] = []
  let seed = 800_000 + everyMs
  let done = 0
  const callLive = async (into: number[]) => {
    const answers: Promise<unknown>[] = []
    for (let index = 0; index < calls; index++) {
      const answer = complete(target, livePrompt(seed++), newTokens)
      answers.push(answer.then(({ firstTokenMs }) => into.push(firstTokenMs)))
      await delay(everyMs)
    }
    await Promise.all(answers)
  }
  const callBeside = async () => {
    const id = await startBatch(
      target,
      Array.from({ length: lines }, () => promptWithoutSharedPrefix(seed++, 60)),
    )
    while ((await call(target, `/v1/batches/${id}`)).request_counts.completed === 0) await delay(50)
    await callLive(beside)
    const { request_counts: counts } = await call(target, `/v1/batches/${id}`)
    if (counts.completed + counts.failed === counts.total) throw new Error(`${id} ended before the live calls`)
    done += counts.completed
    await call(target, `/v1/batches/${id}/cancel`, { method: 'POST' })
    while ((await call(target, `/v1/batches/${id}`)).status !== 'cancelled') await delay(50)
  }
  for (let round = 0; round < rounds; round++) {
    const windows = [() => callLive(alone), callBeside]
    for (const window of round % 2 === 0 ? windows : windows.toReversed()) await window()
  }
  const told = (values: readonly number[]) => ({
    calls: values.length,
    p50: quantile(values, 0.5),
    p95: quantile(values, 0.95),
  })
  const growth = quantile(beside, 0.95) / quantile(alone, 0.95) - 1
  return { everyMs, alone: told(alone), beside: told(beside), growth, lines: done }
}

interface Batch {
  readonly id: string
  readonly status: string
  readonly request_counts: { readonly total: number; readonly completed: number; readonly failed: number }
  readonly usage: { readonly output_tokens: number }
}

async function startBatch(target: Target, prompts: readonly string[]): Promise<string> {
  const url = '/v1/completions'
  const body = { model: target.model, max_tokens: newTokens, min_tokens: newTokens, ignore_eos: true, temperature: 0 }
  const lines = prompts.map((prompt, index) =>
    JSON.stringify({ custom_id: `${index}`, method: 'POST', url, body: { ...body, prompt } }),
  )
  const form = new FormData()
  form.append('purpose', 'batch')
  form.append('file', new Blob([lines.join('\n')]), 'in.jsonl')
  const { id } = await call(target, '/v1/files', { method: 'POST', body: form })
  const batch = await call(target, '/v1/batches', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input_file_id: id, endpoint: url, completion_window: '24h' }),
  })
  return batch.id
}

async function call(target: Target, path: string, init: RequestInit = {}): Promise<Batch> {
  const headers = { authorization: `Bearer ${target.key}`, ...init.headers }
  const response = await fetch(target.url + path, { ...init, headers })
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Batch
}
