// Folders that are broken or mean harm are refused with the file, and the field or tensor, that is wrong; nothing of them stays.
import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import type { Failure } from '../../base/errors.ts'
import { readHeader } from '../../engine/header.ts'
import { headerLength, parseHeader, SafetensorsError } from '../../formats/safetensors.ts'
import { importFolder } from '../models/folder-import.ts'
import { openConversion } from './convert.ts'

const recordings = join(import.meta.dirname, '../../../test/recordings/conversion')
let place: string
let home: string
let folder: string

before(async () => {
  place = await mkdtemp(join(tmpdir(), 'galerne-folders-'))
  home = join(place, 'home')
})
after(() => rm(place, { recursive: true }))
beforeEach(async () => {
  folder = await mkdtemp(join(place, 'folder-'))
})

type Json = Record<string, unknown>

async function copyOf(name: string): Promise<void> {
  await cp(join(recordings, name), folder, { recursive: true })
}

/** Changes fields of a JSON file; `undefined` takes one away. */
async function change(file: string, changes: Json | ((json: Json) => void)): Promise<void> {
  const path = join(folder, file)
  const json = JSON.parse(await readFile(path, 'utf8')) as Json
  if (typeof changes === 'function') changes(json)
  else Object.assign(json, changes)
  await writeFile(path, JSON.stringify(json))
}

/** Rewrites the header of a file; the tensors' bytes stay. */
async function changeHeader(file: string, tensor: string, changes: Json | undefined): Promise<void> {
  const path = join(folder, file)
  const bytes = await readFile(path)
  const length = Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<string, Json>
  const entry = { ...header[tensor], ...changes }
  delete header[tensor]
  if (changes !== undefined) header[tensor] = entry
  const text = Buffer.from(JSON.stringify(header))
  const start = Buffer.alloc(8)
  start.writeBigUInt64LE(BigInt(text.length))
  await writeFile(path, Buffer.concat([start, text, bytes.subarray(8 + length)]))
}

async function refuses(param: string, reason: RegExp): Promise<void> {
  await assert.rejects(importFolder(folder, home, { type: 'F16', name: 'broken' }), (error: Failure) => {
    assert.equal(error.code, 'invalid_value', error.message)
    assert.equal(error.param, param)
    assert.match(error.message, reason)
    return true
  })
  const left = await readdir(join(home, 'models', 'imported')).catch(() => [])
  assert.deepEqual(left, [])
}

const configs: readonly (readonly [model: string, changes: Json, param: string, reason: RegExp])[] = [
  ['llama', { num_hidden_layers: undefined }, 'config.json: num_hidden_layers', /missing/],
  ['llama', { num_hidden_layers: 1e9 }, 'config.json: num_hidden_layers', /whole number from 1 to 512/],
  ['llama', { num_attention_heads: '4' }, 'config.json: num_attention_heads', /"4"/],
  ['llama', { num_key_value_heads: 3 }, 'config.json: num_key_value_heads', /cannot share/],
  ['llama', { head_dim: 7 }, 'config.json: head_dim', /pairs/],
  ['llama', { hidden_act: 'gelu' }, 'config.json: hidden_act', /"silu"/],
  ['llama', { attention_bias: true }, 'config.json: attention_bias', /no place/],
  ['llama', { quantization_config: {} }, 'config.json: quantization_config', /originals/],
  ['llama', { architectures: ['GPT2LMHeadModel'] }, 'config.json: architectures', /GPT2LMHeadModel/],
  ['llama', { rope_parameters: { rope_type: 'longrope' } }, 'config.json: rope_parameters: rope_type', /longrope/],
  ['llama', { rope_parameters: { rope_type: 'linear' } }, 'config.json: rope_parameters: factor', /missing/],
  ['llama', { rope_parameters: { rope_type: 'yarn', factor: -1 } }, 'config.json: rope_parameters: factor', /above 0/],
  [
    'llama',
    { rope_parameters: { rope_type: 'yarn', factor: 2, beta_fast: 1 } },
    'config.json: rope_parameters: beta_fast',
    /not above/,
  ],
  ['llama', { rope_parameters: { full_attention: {} } }, 'config.json: rope_parameters: full_attention', /one way/],
  ['llama', { partial_rotary_factor: 0.5 }, 'config.json: partial_rotary_factor', /whole heads/],
  ['llama', { hidden_size: 128 }, 'model.embed_tokens.weight', /its shape is \[512, 64\].*asks for \[512, 128\]/],
  ['llama', { num_hidden_layers: 1 }, 'model.layers.1.input_layernorm.weight', /no place/],
  ['llama', { num_hidden_layers: 3 }, 'model.layers.2.input_layernorm.weight', /missing/],
  ['llama', { tie_word_embeddings: false }, 'lm_head.weight', /missing/],
  ['mixtral', { num_experts_per_tok: 5 }, 'config.json: num_experts_per_tok', /from 1 to 4/],
  ['bert', { position_embedding_type: 'relative_key' }, 'config.json: position_embedding_type', /absolute/],
]

for (const [model, changes, param, reason] of configs)
  test(`a configuration that is wrong: ${param}, ${reason.source}`, async () => {
    await copyOf(model)
    await change('config.json', changes)
    await refuses(param, reason)
  })

test('a folder that is none', async () => {
  await refuses('folder', /no config\.json/)
  await writeFile(join(folder, 'config.json'), '[1]')
  await refuses('config.json', /not a JSON object/)
  await writeFile(join(folder, 'config.json'), '{')
  await refuses('config.json', /not JSON/)
  await writeFile(join(folder, 'config.json'), '{}')
  await refuses('folder', /no \.safetensors file/)
})

test('weights that are cut, or whose header lies', async () => {
  const file = 'model.safetensors'
  const embedding = 'model.embed_tokens.weight'
  const faults: readonly (readonly [changes: Json | undefined, reason: RegExp])[] = [
    [{ shape: [512, 1e15] }, /512, 1000000000000000/],
    [{ shape: [-512, 64] }, /no list of counts/],
    [{ dtype: 'F4' }, /unknown dtype "F4"/],
    [{ data_offsets: [0, 2 ** 53] }, /no two counts/],
    [{ data_offsets: [2, 65_538] }, /do not follow/],
    [undefined, /do not follow|end at byte/],
  ]
  for (const [changes, reason] of faults) {
    await copyOf('llama')
    await changeHeader(file, embedding, changes)
    await refuses(file, reason)
  }
  await copyOf('llama')
  await truncate(join(folder, file), 40_000)
  await refuses(file, /not whole/)
  await writeFile(join(folder, file), Buffer.alloc(64, 255))
  await refuses(file, /not a safetensors file/)
  await writeFile(join(folder, file), 'x')
  await refuses(file, /shorter than 8 bytes/)
})

test('numbers that the type cannot hold, and numbers that are none', async () => {
  for (const [value, reason] of [
    [1e6, /1000000, which F16 cannot hold: ask for F32/],
    [Number.NaN, /NaN\./],
  ] as const) {
    await copyOf('bert')
    const path = join(folder, 'model.safetensors')
    const bytes = await readFile(path)
    const header = new Uint8Array(bytes.subarray(8, 8 + headerLength(bytes, bytes.length)))
    const name = 'embeddings.word_embeddings.weight'
    const tensor = parseHeader(header, bytes.length).find((one) => one.name === name)
    bytes.writeFloatLE(value, (tensor?.offset ?? 0) + 400)
    await writeFile(path, bytes)
    await refuses(name, reason)
  }
})

test('an index that leads out of the folder, or names what is not there', async () => {
  const index = 'model.safetensors.index.json'
  await copyOf('mixtral')
  await change(index, (json) => Object.assign(json['weight_map'] as Json, { 'lm_head.weight': '../../etc/passwd' }))
  await refuses(`${index}: lm_head.weight`, /no name of a safetensors file/)
  await change(index, (json) => Object.assign(json['weight_map'] as Json, { 'lm_head.weight': 'other.safetensors' }))
  await refuses('other.safetensors', /missing/)
  await copyOf('mixtral')
  await change(index, (json) => {
    const map = json['weight_map'] as Record<string, string>
    const files = [...new Set(Object.values(map))]
    map['lm_head.weight'] = files.find((file) => file !== map['lm_head.weight']) ?? ''
  })
  await refuses(`${index}: lm_head.weight`, /it is not in/)
})

test('tokenizers that are missing, of another kind, or have more tokens than rows', async () => {
  await copyOf('llama')
  await change('tokenizer.json', { pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true } })
  await refuses('tokenizer.json: pre_tokenizer', /none of those/)
  await copyOf('llama')
  await change('tokenizer.json', (json) => {
    ;(json['added_tokens'] as Json[]).push({ id: 520, content: 'more', special: true })
  })
  await refuses('tokenizer.json: model: vocab', /521 tokens.*512/)
  await copyOf('llama')
  await change('tokenizer.json', (json) => {
    ;(json['added_tokens'] as Json[]).push({ id: 511, content: '</s>', special: true })
  })
  await refuses('tokenizer.json: model: vocab: token 511', /text of token 2/)
  await rm(join(folder, 'tokenizer.json'))
  await refuses('tokenizer.json', /no tokenizer\.model/)
  await writeFile(join(folder, 'tokenizer.model'), Buffer.from([0x0a, 0x7f, 1, 2]))
  await refuses('tokenizer.model', /not a SentencePiece file/)
  await rm(join(folder, 'tokenizer.model'))
  await copyOf('llama')
  await change('tokenizer_config.json', { bos_token: '<nowhere>' })
  await refuses('tokenizer_config.json: bos_token', /not in the vocabulary/)
})

test('unigram vocabularies that the engine would cut texts with in another way', async () => {
  const normalizer = 'tokenizer.json: normalizer'
  const faults: readonly (readonly [change: (json: Json) => void, param: string, reason: RegExp])[] = [
    [
      (json) => Object.assign(json['model'] as Json, { byte_fallback: true }),
      'tokenizer.json: model: byte_fallback',
      /no bytes/,
    ],
    [(json) => Object.assign(json['model'] as Json, { unk_id: 9999 }), 'tokenizer.json: model: vocab: unk_id', /9999/],
    [(json) => Object.assign(json['model'] as Json, { vocab: {} }), 'tokenizer.json: model: vocab', /no list/],
    [
      (json) => Object.assign(json['model'] as Json, { vocab: [['a', 'b']] }),
      'tokenizer.json: model: vocab[0]',
      /score/,
    ],
    [(json) => delete json['normalizer'], normalizer, /no precompiled_charsmap/],
    [(json) => Object.assign(json['normalizer'] as Json, { type: 'Lowercase' }), normalizer, /"Lowercase"/],
    [
      (json) => Object.assign(json['normalizer'] as Json, { precompiled_charsmap: 'AAAAAAA=' }),
      `${normalizer}: precompiled_charsmap`,
      /damaged/,
    ],
    [
      (json) => Object.assign(json['normalizer'] as Json, { precompiled_charsmap: '/////wAAAAAA' }),
      `${normalizer}: precompiled_charsmap`,
      /damaged/,
    ],
    [
      (json) => Object.assign(json, { pre_tokenizer: { type: 'Whitespace' } }),
      'tokenizer.json: pre_tokenizer',
      /Metaspace/,
    ],
    [(json) => delete json['post_processor'], 'tokenizer.json: post_processor', /one token before/],
  ]
  for (const [fault, param, reason] of faults) {
    await copyOf('xlm_roberta')
    await change('tokenizer.json', fault)
    await refuses(param, reason)
  }
  await copyOf('xlm_roberta')
  await change('config.json', { pad_token_id: 129 })
  await refuses('config.json: max_position_embeddings', /it is 130/)
  await rm(join(folder, 'tokenizer.json'))
  await writeFile(join(folder, 'sentencepiece.bpe.model'), Buffer.from([0x0a, 0x7f, 1, 2]))
  await change('config.json', { pad_token_id: 1 })
  await refuses('sentencepiece.bpe.model', /not a SentencePiece file/)
})

test('poolings that GGUF cannot hold', async () => {
  await copyOf('bert')
  await change('1_Pooling/config.json', { pooling_mode_max_tokens: true })
  await refuses('1_Pooling/config.json: pooling_mode', /cls_token and max_tokens/)
  await copyOf('bert')
  await writeFile(
    join(folder, 'modules.json'),
    JSON.stringify([{ path: '2_Dense', type: 'sentence_transformers.models.Dense' }]),
  )
  await refuses('modules.json: [0]: type', /"Dense" has no place/)
  await writeFile(
    join(folder, 'modules.json'),
    JSON.stringify([{ path: '../..', type: 'sentence_transformers.models.Pooling' }]),
  )
  await refuses('modules.json: [0]: path', /no folder beside it/)
})

test('a window narrower than the context is the context, and is told', async () => {
  await copyOf('mistral')
  await change('config.json', { sliding_window: 64 })
  const conversion = await openConversion(folder)
  await conversion.close()
  assert.match(conversion.remarks.join(), /sliding window of 64 tokens/)
})

test('any bytes as a header are refused in words, never by an accident', () => {
  const json = fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), json), fc.nat(), (header, extra) => {
      try {
        parseHeader(header, 8 + header.length + extra)
      } catch (error) {
        assert.ok(error instanceof SafetensorsError, String(error))
      }
    }),
  )
})

test('the same folder gives the same bytes, and another model under its name is refused', async () => {
  await copyOf('bert')
  const [one, two] = [
    await importFolder(folder, home, { type: 'F16', name: 'twice' }),
    await importFolder(folder, home, { type: 'F16', name: 'twice' }),
  ]
  assert.equal(one.sha256, two.sha256)
  assert.equal((await readFile(one.path)).length, one.bytes)
  await change('config.json', { layer_norm_eps: 1e-5 })
  await assert.rejects(
    importFolder(folder, home, { type: 'F16', name: 'twice' }),
    /is there already and is another file/,
  )
  await rm(one.path)
  await assert.rejects(importFolder(folder, home, { type: 'F16', name: '../out' }), /make a name/)
})

test('positions are counted from behind the padding by XLM-RoBERTa, and from 0 by BERT with its vocabulary', async () => {
  for (const [architecture, length] of [
    ['XLMRobertaModel', 128],
    ['BertModel', 130],
  ] as const) {
    await copyOf('xlm_roberta')
    await change('config.json', { architectures: [architecture] })
    const { path } = await importFolder(folder, home, { type: 'F16', name: architecture })
    const { metadata, tensors } = readHeader(path)
    assert.equal(metadata.get('bert.context_length'), length)
    assert.deepEqual(tensors.find(({ name }) => name === 'position_embd.weight')?.dimensions, [64, length])
    assert.equal(metadata.get('tokenizer.ggml.model'), 't5')
  }
})
