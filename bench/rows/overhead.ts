// Row 4: what the server around the engine costs, keys, waiting line, metering and HTTP together, against the engine's process driven over its own messages.
import type { Model } from '../../src/wire/model.ts'
import { complete, quantile, runRound, type Target } from '../load.ts'
import { promptWithoutSharedPrefix } from '../prompts.ts'

/** What one client sees of a call of one token, in milliseconds. */
export interface Latency {
  readonly server: number
  readonly engine: number
  /** Quartiles of the differences of the pairs. */
  readonly added: Quartiles
}

/** What sixteen clients get, in tokens a second. */
export interface Throughput {
  readonly server: number
  readonly engine: number
  /** Quartiles of the parts that are lost; 0 is none. */
  readonly lost: Quartiles
}

/** The values below which a quarter, half and three quarters of all lie. */
export type Quartiles = readonly [number, number, number]

const call = (prompt: string, maxTokens: number) => ({
  context: { requestId: 'bench', workspace: 'bench', key: 'bench', class: 'interactive', cacheScope: 'bench' } as const,
  prompt: { type: 'text', text: prompt } as const,
  sampling: { temperature: 0, maxTokens, minTokens: maxTokens },
  output: { type: 'text' } as const,
})

async function completeDirectly(
  model: Model,
  prompt: string,
  newTokens: number,
): Promise<{ ms: number; tokens: number }> {
  const started = performance.now()
  let tokens = 0
  for await (const event of model.complete(call(prompt, newTokens), new AbortController().signal)) {
    if (event.type === 'end') tokens = event.usage.completionTokens
  }
  return { ms: performance.now() - started, tokens }
}

/** Calls at the beginning that do not count: the programs are not compiled yet. */
const warmUp = 20

/** Asks both for one token of the same new prompt, the one or the other first by chance. */
export async function measureLatency(server: Target, model: Model, pairs: number): Promise<Latency> {
  const serverTimes: number[] = []
  const engineTimes: number[] = []
  for (let index = 0; index < warmUp + pairs; index++) {
    const prompt = promptWithoutSharedPrefix(index, 8)
    const [over, direct] = await inAnyOrder(
      async () => (await complete(server, prompt, 1)).totalMs,
      async () => (await completeDirectly(model, prompt, 1)).ms,
    )
    if (index < warmUp) continue
    serverTimes.push(over)
    engineTimes.push(direct)
  }
  const added = serverTimes.map((time, index) => time - (engineTimes[index] ?? Number.NaN))
  return { server: quantile(serverTimes, 0.5), engine: quantile(engineTimes, 0.5), added: quartiles(added) }
}

/** Rounds of 32 prompts by 16 clients, with the same prompts for both, the one or the other first by chance. */
export async function measureSixteen(
  server: Target,
  model: Model,
  { rounds, newTokens }: { readonly rounds: number; readonly newTokens: number },
): Promise<Throughput> {
  const serverSpeeds: number[] = []
  const engineSpeeds: number[] = []
  for (let round = 0; round < rounds; round++) {
    const prompts = Array.from({ length: 32 }, (_, index) =>
      promptWithoutSharedPrefix(10_000 + round * 100 + index, 40),
    )
    const [over, direct] = await inAnyOrder(
      async () => (await runRound(server, prompts, 16, newTokens)).tokensPerSecond,
      () => engineRound(model, prompts, newTokens),
    )
    serverSpeeds.push(over)
    engineSpeeds.push(direct)
  }
  const lost = serverSpeeds.map((speed, index) => 1 - speed / (engineSpeeds[index] ?? Number.NaN))
  return { server: quantile(serverSpeeds, 0.5), engine: quantile(engineSpeeds, 0.5), lost: quartiles(lost) }
}

/** What comes second may find the processor warm or throttled: neither is always it. */
async function inAnyOrder(one: () => Promise<number>, other: () => Promise<number>): Promise<[number, number]> {
  if (Math.random() < 0.5) return [await one(), await other()]
  const second = await other()
  return [await one(), second]
}

function quartiles(values: readonly number[]): Quartiles {
  return [quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75)]
}

async function engineRound(model: Model, prompts: readonly string[], newTokens: number): Promise<number> {
  const waiting = [...prompts]
  let tokens = 0
  const started = performance.now()
  const client = async (): Promise<void> => {
    for (let prompt = waiting.shift(); prompt !== undefined; prompt = waiting.shift()) {
      const answer = await completeDirectly(model, prompt, newTokens)
      tokens += answer.tokens
    }
  }
  await Promise.all(Array.from({ length: 16 }, client))
  return tokens / ((performance.now() - started) / 1000)
}
