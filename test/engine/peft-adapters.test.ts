// LoRA adapters in PEFT's folders: they change a model as weights that were merged before the import do, and what is wrong is refused by name.

import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Failure } from '../../src/base/errors.ts'
import { openShards } from '../../src/features/conversion/shards.ts'
import { readBase } from '../../src/features/models/adapter-base.ts'
import { storeAdapter, storedAdapters } from '../../src/features/models/adapter-store.ts'
import { importFolder } from '../../src/features/models/folder-import.ts'
import type { ChosenLogprob, Model } from '../../src/wire/model.ts'
import { complete, completionCall, context, logprobsOf } from '../conformance/calls.ts'
import { startOne } from '../support/engine.ts'
import { writeAdapter } from '../support/gguf-adapter.ts'
import { type PeftContent, type SafeContent, writePeft, writeSafetensors } from '../support/peft-adapter.ts'

const recordings = join(import.meta.dirname, '../recordings/conversion')
/** As of GGUF adapters: tokens in batches of another shape round in another way. */
const rounding = 2e-3
let place = ''
let home = ''

before(async () => {
  place = await mkdtemp(join(tmpdir(), 'galerne-peft-'))
  home = join(place, 'home')
})
after(() => rm(place, { recursive: true }))

const both = (within: string, output: number, input: number) =>
  [0, 1].map((layer) => [`model.layers.${layer}.${within}`, output, input] as const)
const attention = [
  ...both('self_attn.q_proj', 64, 64),
  ...both('self_attn.k_proj', 32, 64),
  ...both('self_attn.v_proj', 32, 64),
  ...both('self_attn.o_proj', 64, 64),
]
const feedForward = [...both('mlp.gate_proj', 96, 64), ...both('mlp.up_proj', 96, 64), ...both('mlp.down_proj', 64, 96)]

const experts = (numbers: readonly number[]) =>
  numbers.flatMap((number) =>
    ['w1', 'w2', 'w3'].flatMap((part) => both(`block_sparse_moe.experts.${number}.${part}`, 64, 64)),
  )

/** The recorded folder in F32, its weights changed. */
async function folderOf(name: string, change: (weight: string, values: Float32Array) => void): Promise<string> {
  const folder = await mkdtemp(join(place, `${name}-`))
  const shards = await openShards(join(recordings, name))
  const tensors: Record<string, SafeContent> = {}
  for (const [weight, { shape }] of shards.tensors) {
    const count = shape.reduce((product, size) => product * size, 1)
    const values = Float32Array.from(await shards.read(weight, 0, count))
    change(weight, values)
    tensors[weight] = { shape, type: 'F32', values }
  }
  await shards.close()
  await writeSafetensors(join(folder, 'model.safetensors'), tensors)
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
    await copyFile(join(recordings, name, file), join(folder, file))
  return folder
}

/** Imports the folder as a person would, and serves it. */
async function serve(folder: string, name: string) {
  const { path } = await importFolder(folder, home, { type: 'F32', name })
  return await startOne({ name, path, streams: 1, contextLength: 256 })
}

async function answer(model: Model, adapter?: string): Promise<readonly ChosenLogprob[]> {
  const using = { ...context, ...(adapter !== undefined && { adapters: [{ name: adapter, scale: 1 }] }) }
  const sampling = { temperature: 0, maxTokens: 16, minTokens: 16, logprobs: 3 }
  return logprobsOf(await complete(model, completionCall('The harbour lies here', { context: using, sampling })))
}

/** Largest difference between log-probabilities of the same tokens. */
function apart(one: readonly ChosenLogprob[], other: readonly ChosenLogprob[]): number {
  assert.deepEqual(
    one.map(({ tokenId }) => tokenId),
    other.map(({ tokenId }) => tokenId),
  )
  return Math.max(...one.map(({ logprob }, index) => Math.abs(logprob - (other[index]?.logprob ?? Number.NaN))))
}

type Case = Omit<PeftContent, 'folder' | 'seed'>
const cases: Readonly<Record<string, readonly Case[]>> = {
  llama: [
    { modules: [...attention, ...feedForward], type: 'F32', rank: 4, alpha: 8 },
    {
      ...{ modules: attention, type: 'BF16', rank: 8, alpha: 12, named: true },
      config: { use_rslora: true, target_modules: '.*_proj' },
    },
    {
      ...{
        modules: [...attention, ...feedForward],
        type: 'F16',
        rank: 4,
        alpha: 6,
        ranks: { k_proj: 2, down_proj: 7 },
      },
      config: { rank_pattern: { k_proj: 2, down_proj: 7 }, modules_to_save: null, alpha_pattern: {} },
    },
  ],
  mixtral: [
    { modules: attention, type: 'F32', rank: 4, alpha: 8 },
    { modules: [...experts([0, 1, 2, 3]), ...both('block_sparse_moe.gate', 4, 64)], type: 'F32', rank: 4, alpha: 8 },
    // The others stay as they are; a layer's matrices may have ranks of their own.
    {
      ...{ modules: [...attention, ...experts([1, 3])], type: 'F16', rank: 8, alpha: 12, ranks: { w2: 2 } },
      config: { rank_pattern: { w2: 2 } },
    },
  ],
}

for (const [name, list] of Object.entries(cases))
  test(`answers of a ${name} with an adapter are those of weights that were merged before the import`, async (test) => {
    const plain = await serve(await folderOf(name, () => {}), name)
    test.after(() => plain.pool.stop())
    const without = await answer(plain.model)
    for (const [index, content] of list.entries()) {
      const adapter = `adapter-${index}`
      const folder = join(place, `${name}-${adapter}`)
      const { add } = await writePeft({ folder, seed: index + 1, ...content })
      const base = () => readBase(name, { home, settings: [] })
      const { path, sha256: digest } = await storeAdapter(home, { model: name, name: adapter, source: folder, base })
      await plain.pool.addAdapter(name, { name: adapter, path, digest })
      const merged = await serve(await folderOf(name, add), `${name}-merged-${index}`)
      const [ours, theirs] = [await answer(plain.model, adapter), await answer(merged.model)]
      await merged.pool.stop()
      const most = apart(ours, theirs)
      const changed = Math.max(...ours.map(({ logprob }, at) => Math.abs(logprob - (without[at]?.logprob ?? 0))))
      test.diagnostic(`${content.type}: the largest difference is ${most}, and the adapter changes ${changed}`)
      assert.ok(changed > 10 * rounding, `${content.type}: ${changed}`)
      assert.ok(most < rounding, `${content.type}: ${most}`)
    }
    if (name !== 'mixtral') return
    // One matrix for all experts: the library would read the others' beyond its end.
    const flat = { name: 'flat', path: join(place, 'flat.gguf'), digest: 'flat' }
    await writeAdapter({ path: flat.path, weights: [['blk.0.ffn_up_exps.weight', 64, 64]], seed: 1 })
    const message = /is for 64 × 64 weights, and the model's has 64 × 64 × 4/
    await assert.rejects(plain.pool.addAdapter(name, flat), { code: 'adapter_unusable', message })
    assert.ok(apart(await answer(plain.model), without) < rounding)
  })

describe('refused', () => {
  let base: Awaited<ReturnType<typeof importFolder>>
  before(async () => {
    base = await importFolder(join(recordings, 'llama'), home, { type: 'F16', name: 'refusing' })
  })

  async function refuses(
    param: string,
    reason: RegExp,
    content: Partial<PeftContent>,
    spoil?: (folder: string) => unknown,
  ) {
    const folder = await mkdtemp(join(place, 'broken-'))
    const usual = { modules: attention, seed: 1, type: 'F32', rank: 4, alpha: 8 } as const
    await writePeft({ ...usual, ...content, folder })
    await spoil?.(folder)
    const settings = ['smollm2-135m-instruct', `refusing=${base.path}`]
    const adapter = {
      model: 'refusing',
      name: 'broken',
      source: folder,
      base: () => readBase('refusing', { home, settings }),
    }
    await assert.rejects(storeAdapter(home, adapter), (error: Failure) => {
      assert.deepEqual([error.code, error.param], ['invalid_value', param], error.message)
      assert.match(error.message, reason)
      return true
    })
    assert.ok((await storedAdapters(home)).every(({ name }) => name !== 'broken'))
  }

  const configs: readonly (readonly [config: Readonly<Record<string, unknown>>, reason: RegExp])[] = [
    [{ peft_type: 'IA3' }, /"LORA" is known/],
    [{ r: 0 }, /whole number from 1/],
    [{ r: 1e9 }, /whole number from 1/],
    [{ lora_alpha: 0 }, /above 0/],
    [{ lora_alpha: 1e300 }, /32-bit/],
    [{ use_rslora: 'yes' }, /true or false/],
    [{ rank_pattern: { q_proj: 4 }, use_rslora: true }, /one rank/],
    [{ alpha_pattern: { q_proj: 4 } }, /one alpha/],
    [{ use_dora: true }, /DoRA/],
    [{ bias: 'lora_only' }, /biases/],
    [{ modules_to_save: ['lm_head'] }, /whole modules/],
    [{ init_lora_weights: 'pissa' }, /not the model's own/],
    [{ target_modules: ['q_proj', 'embed_tokens'] }, /"embed_tokens" is among them/],
    [{ target_modules: [1] }, /modules' names/],
  ]
  for (const [config, reason] of configs)
    test(`by the field ${Object.keys(config)[0]}: ${reason.source}`, () =>
      refuses(`adapter_config.json: ${Object.keys(config)[0]}`, reason, { config }))

  test('by the tensor', async () => {
    const a = (module: string) => `base_model.model.${module}.lora_A.weight`
    const query = 'model.layers.0.self_attn.q_proj'
    await refuses(a('lm_head'), /no place/, {
      modules: [['lm_head', 512, 64]],
      config: { target_modules: 'all-linear' },
    })
    await refuses(a(query), /not among the target_modules/, { config: { target_modules: ['v_proj'] } })
    await refuses(a(query), /rank is 4, and adapter_config.json says 8/, { config: { r: 8 } })
    await refuses(a(query), /asks for \[4, 64\]/, { modules: [[query, 64, 32]] })
    await refuses(a(query).replace('_A', '_B'), /asks for \[64, 4\]/, { modules: [[query, 32, 64]] })
    await refuses(a('model.layers.9.self_attn.q_proj'), /no weight "blk\.9/, {
      modules: [['model.layers.9.self_attn.q_proj', 64, 64]],
    })
    const tensor = (values: Float32Array): SafeContent => ({ shape: [4, 64], type: 'F32', values })
    await refuses(a(query), /lora_B of this module is missing/, {}, (folder) =>
      writeSafetensors(join(folder, 'adapter_model.safetensors'), { [a(query)]: tensor(new Float32Array(256)) }),
    )
    await refuses(a(query), /the number NaN/, {}, (folder) =>
      writeSafetensors(join(folder, 'adapter_model.safetensors'), {
        [a(query)]: tensor(new Float32Array(256).fill(Number.NaN)),
        [a(query).replace('_A', '_B')]: { shape: [64, 4], type: 'F32', values: new Float32Array(256) },
      }),
    )
  })

  test('by the experts', async () => {
    const mixture = await importFolder(join(recordings, 'mixtral'), home, { type: 'F16', name: 'experts' })
    const base = () => readBase('experts', { home, settings: [`experts=${mixture.path}`] })
    const put = (source: string) => storeAdapter(home, { model: 'experts', name: 'broken', source, base })
    const a = (module: string) => `base_model.model.model.layers.0.block_sparse_moe.${module}.lora_A.weight`
    const faults: readonly (readonly [content: Partial<PeftContent>, param: string, reason: RegExp])[] = [
      [{ modules: both('block_sparse_moe.experts.4.w1', 64, 64) }, a('experts.4.w1'), /has 4 experts/],
      [{ modules: both('block_sparse_moe.experts.0.w4', 64, 64) }, a('experts.0.w4'), /no place/],
      [{ modules: both('block_sparse_moe.experts.0.w1', 64, 32) }, a('experts.0.w1'), /asks for \[4, 64\]/],
      [
        { modules: experts([0, 1]), ranks: { '1.w3': 2 }, config: { rank_pattern: { 'experts.1.w3': 2 } } },
        a('experts.1.w3'),
        /its rank is 2, and 4 that of another expert/,
      ],
    ]
    for (const [content, param, reason] of faults) {
      const folder = await mkdtemp(join(place, 'broken-'))
      await writePeft({ ...{ modules: attention, seed: 1, type: 'F32', rank: 4, alpha: 8 }, ...content, folder })
      await assert.rejects(put(folder), (error: Failure) => {
        assert.deepEqual([error.code, error.param], ['invalid_value', param], error.message)
        assert.match(error.message, reason)
        return true
      })
    }
  })

  test('by the file', async () => {
    const weights = 'adapter_model.safetensors'
    await refuses('folder', /no adapter_config\.json/, {}, (folder) => rm(join(folder, 'adapter_config.json')))
    await refuses('adapter_config.json', /not JSON/, {}, (folder) =>
      writeFile(join(folder, 'adapter_config.json'), '{'),
    )
    await refuses(weights, /missing/, {}, (folder) => rm(join(folder, weights)))
    await refuses(weights, /holds no tensors/, {}, (folder) => writeSafetensors(join(folder, weights), {}))
    await refuses(weights, /not whole/, {}, async (folder) => {
      await writeFile(join(folder, weights), (await readFile(join(folder, weights))).subarray(0, 5000))
    })
  })
})
