// Files that tests write are read back as they were meant.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gguf } from '@huggingface/gguf'
import { readHeader } from '../../src/engine/header.ts'
import type { GgufValue } from '../../src/formats/gguf.ts'
import { writeGguf } from './gguf.ts'
import { tinyBert, tinyLlama, tinyMixtral, tinyRecurrent, tinySlidingWindow } from './gguf-models.ts'
import { byteVocabulary, extended, vocabularyOf, wordPieceVocabulary } from './gguf-vocabulary.ts'

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-gguf-'))
})
after(() => rm(folder, { recursive: true }))

test('metadata of every type', async () => {
  const path = join(folder, 'types.gguf')
  const values: Record<string, GgufValue> = {
    u8: { type: 'u8', value: 255 },
    i8: { type: 'i8', value: -128 },
    u16: { type: 'u16', value: 65_535 },
    i16: { type: 'i16', value: -32_768 },
    u32: { type: 'u32', value: 4_294_967_295 },
    i32: { type: 'i32', value: -2_147_483_648 },
    u64: { type: 'u64', value: 2n ** 63n },
    i64: { type: 'i64', value: -(2n ** 62n) },
    f32: { type: 'f32', value: 0.5 },
    f64: { type: 'f64', value: 0.1 },
    bool: { type: 'bool', value: true },
    string: { type: 'string', value: 'é 👩' },
    strings: { type: 'array', of: 'string', value: ['a', ''] },
    numbers: { type: 'array', of: 'i16', value: [-1, 2] },
  }
  await writeGguf(path, { metadata: new Map(Object.entries(values)), tensors: [] })
  const { metadata } = await gguf(path, { allowLocalFile: true })
  for (const [key, { value }] of Object.entries(values)) {
    assert.deepEqual(Reflect.get(metadata, key), value, key)
  }
})

test('tensors lie where the header says, in both types', async () => {
  const path = join(folder, 'tensors.gguf')
  const values = Float32Array.of(1, -2.5, 0, 65_504, 1e-9, 0.1)
  await writeGguf(path, {
    metadata: new Map([['general.architecture', { type: 'string', value: 'llama' }]]),
    tensors: [
      { name: 'half', shape: [3, 2], type: 'f16', values },
      { name: 'full', shape: [6], type: 'f32', values },
    ],
  })
  const { tensorInfos } = await gguf(path, { allowLocalFile: true })
  assert.deepEqual(
    tensorInfos.map(({ name, shape, offset }) => [name, shape.map(Number), Number(offset)]),
    [
      ['half', [3, 2], 0],
      ['full', [6], 32],
    ],
  )
  const data = (await readFile(path)).subarray(-64)
  const halves = Array.from({ length: 6 }, (_, index) => data.readUInt16LE(index * 2))
  assert.deepEqual(halves, [0x3c00, 0xc100, 0, 0x7bff, 0, 0x2e66])
  assert.deepEqual(
    Float32Array.from({ length: 6 }, (_, index) => data.readFloatLE(32 + index * 4)),
    values,
  )
})

test('a copied vocabulary is the same again', async () => {
  const vocabulary = extended(byteVocabulary(['<a>']), { control: ['<b>'], chatTemplate: '{{ x }}' })
  const path = await tinyLlama({ vocabulary, folder })
  assert.deepEqual((await vocabularyOf(path)).metadata, vocabulary.metadata)
})

test('every tiny model has a header that the engine takes, and is the same each time', async () => {
  const vocabulary = byteVocabulary([])
  for (const make of [tinyLlama, tinyMixtral, tinySlidingWindow, tinyRecurrent]) {
    const path = await make({ vocabulary, folder })
    assert.ok(readHeader(path).tensors.length > 0)
  }
  assert.ok(readHeader(await tinyBert({ vocabulary: wordPieceVocabulary(['word']), folder })).tensors.length > 0)
})
