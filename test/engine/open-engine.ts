// Opens the real engine for a test: library, weights and contexts, freed in the right order at the end.

import { Context } from '../../src/engine/child/context.ts'
import type { ContextOptions } from '../../src/engine/child/context-options.ts'
import { openLibrary } from '../../src/engine/child/library.ts'
import { declareFunctions, type Llama } from '../../src/engine/child/llama.ts'
import { type LoadedModel, loadModel } from '../../src/engine/child/llama-model.ts'

let opened: Llama | undefined

/** The library of this process: opened once, as in an engine process. */
export function openEngine(): Llama {
  opened ??= declareFunctions(openLibrary(() => undefined))
  return opened
}

/** A context small enough for a test; two threads give the same sums on every machine with two cores. */
export const testOptions: ContextOptions = {
  streams: 4,
  contextLength: 1024,
  batchSize: 512,
  microBatchSize: 512,
  outputs: 64,
  threads: 1,
  kvType: 'f16',
  layout: 'split',
  flashAttention: 'on',
  fullWindow: false,
}

/** A model with as many contexts as a test asks for. */
export class TestEngine {
  readonly model: LoadedModel
  readonly #contexts: Context[] = []

  private constructor(model: LoadedModel) {
    this.model = model
  }

  static async load(path: string): Promise<TestEngine> {
    return new TestEngine(await loadModel(openEngine(), path))
  }

  context(options: Partial<ContextOptions> = {}): Context {
    const context = new Context(openEngine(), this.model, { ...testOptions, ...options })
    this.#contexts.push(context)
    return context
  }

  free(): void {
    for (const context of this.#contexts) context.free()
    this.model.free()
  }
}

/** Decodes tokens of one stream from a position on, in one batch; returns a copy of the last token's logits. */
export async function prefill(
  context: Context,
  tokens: ArrayLike<number>,
  stream: number,
  position = 0,
): Promise<Float32Array> {
  context.batch.clear()
  let row = 0
  for (let i = 0; i < tokens.length; i++)
    row = context.batch.add(tokens[i] ?? 0, position + i, stream, i === tokens.length - 1)
  const result = await context.decode()
  if (result !== 'done') throw new Error(`The decode ended with "${result}".`)
  return context.logits(row).slice()
}

/** Largest difference between two rows; 0 is bit-equal. (node:assert would write out every number of a row that differs.) */
export function difference(one: Float32Array, other: Float32Array): number {
  if (one.length !== other.length) return Number.POSITIVE_INFINITY
  return one.reduce((most, value, place) => Math.max(most, Math.abs(value - (other[place] ?? Number.NaN))), 0)
}

/** Position of the largest value. */
export function largest(values: Float32Array): number {
  return values.reduce((best, value, place) => (value > (values[best] ?? 0) ? place : best), 0)
}

/** Continues a stream greedily; returns the tokens. */
export async function greedy(
  context: Context,
  logits: Float32Array,
  stream: number,
  position: number,
  count: number,
): Promise<number[]> {
  const tokens: number[] = []
  let next = logits
  while (tokens.length < count) {
    const token = largest(next)
    tokens.push(token)
    next = await prefill(context, [token], stream, position + tokens.length - 1)
  }
  return tokens
}
