// Measures what LoRA adapters cost on real weights: three answers at once from the plain model, all with one adapter, and each with another, so
// that steps alternate between three groups. Beside each other, in turns, because the machine may be busy.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPool } from '../../src/engine/pool.ts'
import type { AdapterUse, Model } from '../../src/wire/model.ts'
import { complete, completionCall, context, usageOf } from '../conformance/calls.ts'
import { silentLog } from '../support/engine.ts'
import { starterWeights, writeAdapter } from '../support/gguf-adapter.ts'
import { starterModel } from '../support/weights.ts'

interface Case {
  readonly name: string
  /** Adapters of the three calls. */
  readonly calls: readonly (readonly AdapterUse[])[]
}

const use = (name: string): readonly AdapterUse[] => [{ name, scale: 1 }]
const cases: readonly Case[] = [
  { name: 'all from the plain model', calls: [[], [], []] },
  { name: 'all with one adapter', calls: [use('a'), use('a'), use('a')] },
  { name: 'one plain, two with one adapter each', calls: [[], use('a'), use('b')] },
  { name: 'one answer alone, plain', calls: [[]] },
]

/** Three rounds when whole, one when shortened. Returns a table. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-adapter-steps-'))
  const model = { name: 'starter', path: await starterModel(), streams: 4, contextLength: 512 }
  const pool = await startPool({ models: [model], threads: 1, log: silentLog })
  try {
    for (const [seed, name] of ['a', 'b'].entries()) {
      const path = join(folder, `${name}.gguf`)
      await writeAdapter({ path, weights: starterWeights, seed, rank: 16, spread: 0.3 })
      await pool.addAdapter('starter', { name, path, digest: name })
    }
    const [starter] = pool.models
    assert.ok(starter)
    const rates = cases.map((): number[] => [])
    const tokens = whole ? 64 : 12
    for (let round = 0; round < (whole ? 3 : 1); round += 1)
      for (const [place, { calls }] of cases.entries()) rates[place]?.push(await rate(starter, calls, tokens))
    return report(rates.map(middle), tokens)
  } finally {
    await pool.stop()
    await rm(folder, { recursive: true })
  }
}

/** Tokens a second of all calls together. */
async function rate(model: Model, calls: Case['calls'], tokens: number): Promise<number> {
  const ends = await Promise.all(
    calls.map(async (adapters, place) => {
      const call = completionCall(`Story number ${place}: in the old harbour`, {
        context: { ...context, ...(adapters.length > 0 && { adapters }) },
        sampling: { temperature: 1, seed: place, maxTokens: tokens, minTokens: tokens },
      })
      const events = await complete(model, call)
      assert.equal(usageOf(events).completionTokens, tokens)
      const end = events.at(-1)
      return end?.type === 'end' ? end.timings.decodeMs : 0
    }),
  )
  return (calls.length * tokens * 1000) / Math.max(...ends)
}

function middle(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0
}

function report(rates: readonly number[], tokens: number): string {
  const [plain = 1] = rates
  const rows = cases.map(({ name }, place) => {
    const own = rates[place] ?? 0
    return `| ${name} | ${own.toFixed(1)} | ${(own / plain).toFixed(2)} |`
  })
  return `SmolLM2 135M Instruct Q4_1, adapters of rank 16 on the query and value weights of all 30 layers, answers of ${tokens} tokens, sampled; the
middle of the rounds. The engine applies adapters to a whole batch, so calls with different ones share no step: groups take turns of four
steps (\`engine/child/adapter-turns.ts\`), because each change of adapters costs a new graph.

| three answers at once | tokens/s together | to the first row |
| --- | --- | --- |
${rows.join('\n')}

The last row is one answer alone: what three groups could reach together if a change of adapters were free and adapters cost nothing.
`
}
