// Row 4: what the server around the engine costs, keys, waiting line, metering and HTTP together, against the engine's process driven over its own messages.
import type { Model } from '../../src/wire/model.ts'
import { complete, quantile, runRound, type Target } from '../load.ts'
import { promptWithoutSharedPrefix } from '../prompts.ts'

/** The difference at one client in milliseconds, and the share of throughput kept at sixteen. */
export interface OverheadRow {
  readonly serverMs: number
  readonly engineMs: number
  readonly addedMs: number
  readonly serverTokensPerSecond: number
  readonly engineTokensPerSecond: number
  /** 1 is no loss. */
  readonly kept: number
}

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

/** Asks both in turn: `pairs` short requests of 1 token for the latency, `rounds` rounds of 16 clients for the throughput. */
export async function measureOverhead(
  server: Target,
  model: Model,
  options: { readonly pairs: number; readonly rounds: number; readonly newTokens: number },
): Promise<OverheadRow> {
  const serverTimes: number[] = []
  const engineTimes: number[] = []
  for (let index = 0; index < options.pairs; index++) {
    const prompt = promptWithoutSharedPrefix(index, 8)
    serverTimes.push((await complete(server, prompt, 1)).totalMs)
    engineTimes.push((await completeDirectly(model, prompt, 1)).ms)
  }
  const serverSpeeds: number[] = []
  const engineSpeeds: number[] = []
  for (let round = 0; round < options.rounds; round++) {
    const prompts = Array.from({ length: 32 }, (_, index) =>
      promptWithoutSharedPrefix(10_000 + round * 100 + index, 40),
    )
    serverSpeeds.push((await runRound(server, prompts, 16, options.newTokens)).tokensPerSecond)
    engineSpeeds.push(await engineRound(model, prompts, options.newTokens))
  }
  const kept = serverSpeeds.map((speed, index) => speed / (engineSpeeds[index] ?? Number.NaN))
  return {
    serverMs: quantile(serverTimes, 0.5),
    engineMs: quantile(engineTimes, 0.5),
    addedMs: quantile(
      serverTimes.map((time, index) => time - (engineTimes[index] ?? Number.NaN)),
      0.5,
    ),
    serverTokensPerSecond: quantile(serverSpeeds, 0.5),
    engineTokensPerSecond: quantile(engineSpeeds, 0.5),
    kept: quantile(kept, 0.5),
  }
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
