// Converted Hugging Face folders compute what transformers computed with the same folders, and cut texts as its tokenizers do.
// Recorded by scripts/record-conversion.py.
import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { EmbeddingJob, poolingOf } from '../../src/engine/child/embed.ts'
import { readHeader } from '../../src/engine/header.ts'
import { conversionTypes } from '../../src/features/conversion/convert.ts'
import { importFolder } from '../../src/features/models/folder-import.ts'
import { difference, prefill, TestEngine } from '../engine/open-engine.ts'

interface Recorded {
  readonly texts: readonly string[]
  readonly models: Readonly<
    Record<'llama' | 'mistral' | 'mixtral', RecordedModel & { positions: number[]; logprobs: number[][] }>
  > &
    Readonly<Record<'bert' | 'xlm_roberta', RecordedModel & { cls: number[]; mean: number[] }>> & {
      readonly xlm_roberta: { readonly unigramTexts: readonly string[]; readonly pieces: readonly number[][] }
    }
  readonly cuttings: Readonly<Record<string, readonly number[][]>>
  readonly stretched: readonly (RecordedModel & {
    readonly model: 'llama' | 'mistral' | 'mixtral'
    readonly changes: Readonly<Record<string, unknown>>
    readonly positions: number[]
    readonly logprobs: number[][]
  })[]
}

interface RecordedModel {
  readonly ids: readonly number[]
  readonly texts: readonly (readonly number[])[]
}

const folder = join(import.meta.dirname, 'conversion')
const recorded = JSON.parse(await readFile(join(folder, 'recorded.json'), 'utf8')) as Recorded
/** The largest difference of a log-probability that rounding explains: of F16, and of integers of 8 bits with their scales. */
const tolerance = { F32: 0.01, F16: 0.015, Q8_0: 0.3 } as const

let home: string
const engines: TestEngine[] = []

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'galerne-conversion-'))
})
after(async () => {
  for (const engine of engines) engine.free()
  await rm(home, { recursive: true })
})

async function load(from: string, type: (typeof conversionTypes)[number]): Promise<TestEngine> {
  const { path } = await importFolder(from, home, { type })
  const engine = await TestEngine.load(path)
  engines.push(engine)
  return engine
}

/** The largest difference between what an engine computes at some positions and what was recorded. */
async function apart(
  engine: TestEngine,
  { ids, positions, logprobs }: Pick<Recorded['stretched'][number], 'ids' | 'positions' | 'logprobs'>,
): Promise<number> {
  const context = engine.context({ kvType: 'f16' })
  let most = 0
  for (const [place, position] of positions.entries()) {
    context.clear(0)
    const logits = await prefill(context, ids.slice(0, position + 1), 0)
    most = Math.max(most, difference(logSoftmax(logits), Float32Array.from(logprobs[place] ?? [])))
  }
  return most
}

for (const name of ['llama', 'mistral', 'mixtral'] as const)
  for (const type of conversionTypes)
    test(`${name} as ${type} gives the log-probabilities of transformers`, async (test) => {
      const most = await apart(await load(join(folder, name), type), recorded.models[name])
      test.diagnostic(`the largest difference is ${most.toFixed(5)}`)
      assert.ok(most < tolerance[type], `the largest difference is ${most}`)
    })

/** What the header of a file says where it can name the rotation; the others are in tensors. */
const named: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'mistral yarn 8': { type: 'yarn', factor: 8, original_context_length: 512, attn_factor: undefined },
  'mistral yarn 4': {
    ...{ type: 'yarn', factor: 4, original_context_length: 64 },
    attn_factor: Math.fround(0.8 / (1 + 0.1 * Math.log(4))),
  },
  'mistral yarn 16': {
    type: undefined,
    attn_factor: Math.fround((1 + 0.2 * Math.log(16)) / (1 + 0.05 * Math.log(16))),
  },
  'llama yarn 8': { type: 'yarn', factor: 8, original_context_length: 128 },
  'llama dynamic 4': { type: undefined, factor: undefined },
  'mixtral linear 4': { type: 'linear', factor: 4 },
  'mixtral yarn 4': { type: 'yarn', factor: 4, original_context_length: 64 },
}

for (const stretched of recorded.stretched) {
  const rotation = Object.values(stretched.changes).find((value) => typeof value === 'object') as Record<
    string,
    unknown
  >
  const title = `${stretched.model} ${String(rotation['rope_type'] ?? rotation['type'])} ${String(rotation['factor'])}`
  test(`a rotation that is stretched: ${title}`, async (test) => {
    const copy = join(home, title.replaceAll(' ', '-'))
    await cp(join(folder, stretched.model), copy, { recursive: true })
    const config = JSON.parse(await readFile(join(copy, 'config.json'), 'utf8')) as Record<string, unknown>
    delete config['rope_parameters']
    await writeFile(join(copy, 'config.json'), JSON.stringify({ ...config, ...stretched.changes }))
    const { path, remarks } = await importFolder(copy, home, { type: 'F32' })
    const { metadata } = readHeader(path)
    for (const [key, value] of Object.entries(named[title] ?? {}))
      assert.equal(metadata.get(`llama.rope.scaling.${key}`), value, key)
    assert.equal(remarks.join().includes('stretched beyond 256 tokens'), title.includes('dynamic'))
    const engine = await TestEngine.load(path)
    engines.push(engine)
    const most = await apart(engine, stretched)
    const plain = await apart(await load(join(folder, stretched.model), 'F32'), stretched)
    test.diagnostic(`the largest difference is ${most.toFixed(5)}, and ${plain.toFixed(3)} without`)
    assert.ok(most < tolerance.F32, `the largest difference is ${most}`)
    assert.ok(plain > 10 * tolerance.F32, `without it the difference is ${plain}`)
  })
}

for (const name of ['llama', 'mistral', 'mixtral'] as const)
  test(`${name}'s texts have the ids of its tokenizer`, async () => {
    const { vocabulary } = (await load(join(folder, name), 'F16')).model
    recorded.texts.forEach((text, place) => {
      const ids = Array.from(vocabulary.tokenize(text, { addSpecial: true }))
      assert.deepEqual(ids, recorded.models[name].texts[place], JSON.stringify(text))
    })
  })

for (const [cutting, texts] of Object.entries(recorded.cuttings))
  test(`a byte-level vocabulary that cuts texts as ${cutting} does`, async () => {
    const copy = join(home, `like-${cutting}`)
    await cp(join(folder, 'llama'), copy, { recursive: true })
    await cp(join(folder, `${cutting}.tokenizer.json`), join(copy, 'tokenizer.json'))
    const { vocabulary } = (await load(copy, 'F16')).model
    recorded.texts.forEach((text, place) => {
      // llama.cpp's own form of Tekken's cutting parts marks from their letters, in every file that names it.
      if (cutting === 'tekken' && /\p{M}/u.test(text)) return
      const ids = Array.from(vocabulary.tokenize(text, { addSpecial: true }))
      assert.deepEqual(ids, texts[place], JSON.stringify(text))
    })
  })

for (const name of ['bert', 'xlm_roberta'] as const)
  test(`${name} gives the vectors of transformers, pooled as its files ask`, async () => {
    const { ids, cls, mean } = recorded.models[name]
    for (const [pooling, vector] of Object.entries({ cls, mean })) {
      const copy = join(home, `${name}-${pooling}`)
      await cp(join(folder, name), copy, { recursive: true })
      const asked = { pooling_mode_cls_token: pooling === 'cls', pooling_mode_mean_tokens: pooling === 'mean' }
      await writeFile(join(copy, '1_Pooling/config.json'), JSON.stringify(asked))
      const engine = await load(copy, 'F32')
      const found = poolingOf(engine.model)
      assert.equal(found, pooling)
      const job = new EmbeddingJob(engine.context(), pooling as 'cls' | 'mean', [Int32Array.from(ids)], [0])
      while (!job.done) await job.step()
      const most = difference(job.vectors[0] ?? new Float32Array(), Float32Array.from(vector))
      assert.ok(most < 0.002, `${pooling}: the largest difference is ${most}`)
    }
  })

test("bert's texts have the ids of its tokenizer", async () => {
  const { vocabulary } = (await load(join(folder, 'bert'), 'F16')).model
  recorded.texts.forEach((text, place) => {
    const ids = Array.from(vocabulary.tokenize(text, { addSpecial: true }))
    assert.deepEqual(ids, recorded.models.bert.texts[place], JSON.stringify(text))
  })
})

for (const source of ['tokenizer.json', 'sentencepiece.bpe.model'])
  test(`xlm_roberta's texts have the ids of its tokenizer, out of a ${source}`, async () => {
    const copy = join(home, `unigram-${source}`)
    await cp(join(folder, 'xlm_roberta'), copy, { recursive: true })
    if (source !== 'tokenizer.json') {
      await rm(join(copy, 'tokenizer.json'))
      await cp(join(folder, 'unigram.model'), join(copy, source))
    }
    const { vocabulary } = (await load(copy, 'F16')).model
    const { texts, pieces, unigramTexts } = recorded.models.xlm_roberta
    unigramTexts.forEach((text, place) => {
      const ids = Array.from(vocabulary.tokenize(text, { addSpecial: true }))
      assert.deepEqual(ids, pieces[place], JSON.stringify(text))
      // SentencePiece replaces the longest sequence that its table has; tokenizers asks for one cluster of letters and marks at a time, and
      // so leaves some decomposed Hangul, accents and half-width kana as they are. It also splits at U+0085, which the table does not have.
      if (!/\u1112|ｶﾞ|\u0085/.test(text)) assert.deepEqual(ids, texts[place], JSON.stringify(text))
    })
  })

test('what the folder says beside its weights arrives in the header', async () => {
  const { path, parameters, remarks } = await importFolder(join(folder, 'llama'), home, { type: 'F32', name: 'named' })
  const { metadata, tensors } = readHeader(path)
  assert.equal(metadata.get('general.name'), 'named')
  assert.match(String(metadata.get('tokenizer.chat_template')), /\[INST\]/)
  assert.equal(metadata.get('llama.rope.freq_base'), 500_000)
  assert.ok(tensors.some(({ name }) => name === 'rope_freqs.weight'))
  assert.equal(
    tensors.reduce((sum, { dimensions }) => sum + dimensions.reduce((one, two) => one * two, 1), 0),
    parameters,
  )
  assert.deepEqual(remarks, [])
})

function logSoftmax(logits: Float32Array): Float32Array {
  const top = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  const sum = logits.reduce((total, value) => total + Math.exp(value - top), 0)
  return logits.map((value) => value - top - Math.log(sum))
}
