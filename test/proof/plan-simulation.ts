// Proves the plan's formulas against the engine's own simulation: weights of every quantisation in the catalogue against its dry run of
// quantising, buffers of every architecture at hand against its contexts without allocation.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ContextOptions } from '../../src/engine/child/context-options.ts'
import { readHeader } from '../../src/engine/header.ts'
import { headerFrom } from '../../src/engine/plan-header.ts'
import { memoryNeed } from '../../src/engine/plan-memory.ts'
import { shapeOf } from '../../src/engine/plan-shape.ts'
import { catalogueModels } from '../../src/features/models/catalogue.ts'
import type { CatalogueModel } from '../../src/features/models/catalogue-schema.ts'
import { tinyBert, tinyLlama, tinyMixtral, tinyRecurrent, tinySlidingWindow } from '../support/gguf-models.ts'
import { byteVocabulary, wordPieceVocabulary } from '../support/gguf-vocabulary.ts'
import { writeHollowModel } from '../support/hollow-models.ts'
import { gemmaModel, starterModel } from '../support/weights.ts'
import { simulate } from './plan-simulation/simulation.ts'

/** A plan's total may differ from the simulation's by this part. */
const tolerance = 0.03
const mebibyte = 2 ** 20

/** Numbers of llama.h's `llama_ftype`. */
const mixNumbers: Readonly<Record<string, number>> = {
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q2_K: 10,
  Q3_K_M: 12,
  Q4_K_S: 14,
  Q4_K_M: 15,
  Q5_K_S: 16,
  Q5_K_M: 17,
  Q6_K: 18,
  BF16: 32,
}

interface Sample {
  readonly name: string
  readonly path: string
}

/** Contexts as plans choose them and as they do not: few and many streams, long and short, both layouts, both types of KV. */
const generating: readonly Partial<ContextOptions>[] = [
  {},
  { streams: 16, contextLength: 8192 },
  { streams: 1, contextLength: 32_768, outputs: 512 },
  { streams: 3, contextLength: 1024 },
  { layout: 'unified' },
  { kvType: 'q8_0' },
  { batchSize: 128, microBatchSize: 128, outputs: 32 },
]
const encoding: readonly Partial<ContextOptions>[] = [512, 128].map((length) => ({
  streams: 16,
  contextLength: length,
  batchSize: length,
  microBatchSize: length,
  outputs: length,
  layout: 'unified',
}))

const usual: ContextOptions = {
  streams: 4,
  contextLength: 4096,
  batchSize: 512,
  microBatchSize: 512,
  outputs: 128,
  threads: 1,
  kvType: 'f16',
  layout: 'split',
  flashAttention: 'auto',
  fullWindow: false,
}

/** All models and contexts when whole, three models of the catalogue when shortened. Returns tables; throws when the proof does not hold. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-simulation-'))
  const models = whole
    ? catalogueModels
    : catalogueModels.filter(({ name }) => /7b-instruct-v0.3|8x7b|mamba/.test(name))
  try {
    const weights: string[] = []
    const samples: Sample[] = await smallSamples(folder)
    for (const model of models) {
      weights.push(...(await proveWeights(folder, model)))
      samples.push({ name: model.name, path: await hollow(folder, model, model.files[0]?.quantisation ?? '') })
    }
    const buffers: string[] = []
    for (const sample of samples) buffers.push(...(await proveBuffers(sample)))
    return report(weights, buffers)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Real weights where they are to be had, and the tiny models of every other architecture. */
async function smallSamples(folder: string): Promise<Sample[]> {
  const vocabulary = byteVocabulary([])
  const words = wordPieceVocabulary(['hello', 'world'])
  const named = (name: string, path: string) => ({ name, path })
  return [
    named('SmolLM2 135M, real weights', await starterModel()),
    named('Gemma 3 270M, real weights', await gemmaModel()),
    named('tiny dense Llama', await tinyLlama({ folder, vocabulary })),
    named('tiny mixture of experts', await tinyMixtral({ folder, vocabulary })),
    named('tiny sliding window', await tinySlidingWindow({ folder, vocabulary })),
    named('tiny Mamba', await tinyRecurrent({ folder, vocabulary })),
    named('tiny BERT', await tinyBert({ folder, vocabulary: words })),
    named('tiny reranker', await tinyBert({ folder, vocabulary: words, ranks: true, name: 'ranks' })),
  ]
}

function hollow(folder: string, model: CatalogueModel, quantisation: string): Promise<string> {
  const { architecture, shape, contextLength, name } = model
  return writeHollowModel(folder, { architecture, numbers: shape, contextLength, quantisation, file: `${name}.gguf` })
}

async function proveWeights(folder: string, model: CatalogueModel): Promise<string[]> {
  const path = await hollow(folder, model, 'F16')
  const names = Object.keys(mixNumbers)
  const numbers = Object.values(mixNumbers)
  const [contexts] = await simulate([{ type: 'contexts', path, contexts: [] }])
  assert.equal(contexts?.parameters, model.parameters.total, `${model.name}: parameters`)
  const [answer] = await simulate([{ type: 'quantisations', path, numbers }])
  await rm(path)
  return names.map((quantisation, place) => {
    const theirs = answer?.mebibytes[place] ?? 0
    const ours = plannedBytes(model, quantisation) / mebibyte
    assert.ok(Math.abs(ours - theirs) <= 0.011, `${model.name} ${quantisation}: ${ours} and ${theirs} MiB`)
    return `| ${model.name} | ${quantisation} | ${ours.toFixed(2)} | ${theirs.toFixed(2)} |`
  })
}

function plannedBytes({ architecture, shape, contextLength, name }: CatalogueModel, quantisation: string): number {
  return headerFrom({ architecture, numbers: shape, contextLength, quantisation, file: name }).tensorBytes
}

async function proveBuffers({ name, path }: Sample): Promise<string[]> {
  const header = readHeader(path)
  const shape = shapeOf(header)
  const wanted = (shape.causal ? generating : encoding).map((changes) => ({ ...usual, ...changes }))
  // Heads that are no multiple of a block cannot be kept as q8_0.
  const contexts = wanted.filter(({ kvType }) => kvType === 'f16' || shape.keyLength % 32 === 0)
  const [answer] = await simulate([{ type: 'contexts', path, contexts }])
  assert.equal(answer?.weightBytes, header.tensorBytes, `${name}: weights`)
  return contexts.map((options, place) => {
    const sizes = answer?.contexts[place]
    assert.ok(sizes !== undefined)
    // The library starts with an output row per stream and takes more when a batch asks for more; the plan counts what it may ask for.
    const need = memoryNeed(shape, { ...options, fullWindow: false })
    const output = options.streams * shape.vocabulary * 4
    const ours = need.weights + need.kv + need.state + need.compute + output
    const theirs = answer.weightBytes + (sizes.kv + sizes.state + sizes.compute + sizes.output) * mebibyte
    const difference = ours / theirs - 1
    assert.ok(
      Math.abs(difference) <= tolerance,
      `${name} ${describe(options)}: ${ours} and ${theirs} bytes: ${JSON.stringify({ need, sizes })}`,
    )
    const pair = (one: number, other: number) => `${(one / mebibyte).toFixed(2)} / ${other.toFixed(2)}`
    return `| ${name} | ${describe(options)} | ${pair(need.kv + need.state, sizes.kv + sizes.state)} | ${pair(need.compute, sizes.compute)} | ${pair(output, sizes.output)} | ${pair(ours, theirs / mebibyte)} | ${(100 * difference).toFixed(2)} % |`
  })
}

function describe({ streams, contextLength, microBatchSize, outputs, kvType, layout }: ContextOptions): string {
  return `${streams} × ${contextLength}, ${kvType}, ${layout}, ${microBatchSize} rows, ${outputs} outputs`
}

function report(weights: readonly string[], buffers: readonly string[]): string {
  return `Ours / the engine's own, in MiB. The engine's numbers are what libllama logs without allocating anything (\`no_alloc\`): a file with
the model's real header and a hole in place of its tensors is enough for that. Totals may differ by ${100 * tolerance} %.

## Weights: ${weights.length} quantisations of the catalogue's models against \`llama_model_quantize\` with \`dry_run\`

Every tensor and every count of parameters was accepted by the loader; no size differs by more than the log's last digit.

| model | quantisation | ours | llama.cpp |
| --- | --- | --- | --- |
${weights.join('\n')}

## Buffers: ${buffers.length} contexts

| model | context | KV and state | compute | output at the start | total with weights | difference |
| --- | --- | --- | --- | --- | --- | --- |
${buffers.join('\n')}
`
}
