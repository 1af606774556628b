import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { writeGguf } from '../../test/support/gguf.ts'
import { tinyLlama } from '../../test/support/gguf-models.ts'
import { byteVocabulary } from '../../test/support/gguf-vocabulary.ts'
import { Failure } from '../base/errors.ts'
import type { GgufValue } from '../formats/gguf.ts'
import { readHeader } from './header.ts'

describe('a GGUF header', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'galerne-header-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('says what the file holds', async () => {
    const path = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
    const header = readHeader(path)
    assert.equal(header.architecture, 'llama')
    assert.equal(header.metadata.get('llama.block_count'), 2)
    assert.equal(header.metadata.get('tokenizer.ggml.add_bos_token'), true)
    assert.equal(header.fileBytes, (await readFile(path)).length)
    const embedding = header.tensors.find((tensor) => tensor.name === 'token_embd.weight')
    assert.deepEqual([embedding?.type, embedding?.dimensions[0], embedding?.bytes], ['f16', 64, 64 * 259 * 2])
  })

  it('survives any bytes after its magic', async () => {
    const path = join(folder, 'noise.gguf')
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        await writeFile(path, Buffer.concat([Buffer.from('GGUF\x03\0\0\0'), bytes]))
        assert.throws(
          () => readHeader(path),
          (error) => error instanceof Failure && error.code === 'model_load_failed',
        )
      }),
      { numRuns: 300 },
    )
  })

  it('of a model in several files counts them all, and names the one that is missing', async () => {
    const part = (number: number) => join(folder, `split-0000${number}-of-00002.gguf`)
    const whole = readHeader(await tinyLlama({ folder, vocabulary: byteVocabulary([]) }))
    const split = (number: number): [string, GgufValue][] => [
      ['split.no', { type: 'u16', value: number }],
      ['split.count', { type: 'u16', value: 2 }],
    ]
    const tensor = (name: string) => [{ name, shape: [32], type: 'f32' as const, values: new Float32Array(32) }]
    const keys: [string, GgufValue][] = ['context_length', 'embedding_length', 'block_count'].map((key) => [
      `llama.${key}`,
      { type: 'u32', value: Number(whole.metadata.get(`llama.${key}`)) },
    ])
    const metadata = new Map<string, GgufValue>([
      ['general.architecture', { type: 'string', value: 'llama' }],
      ...keys,
      ...byteVocabulary([]).metadata,
      ...split(0),
    ])
    await writeGguf(part(1), { metadata, tensors: tensor('a') })
    assert.throws(() => readHeader(part(1)), /part 2 of 2 is missing: split-00002-of-00002\.gguf/)
    await writeGguf(part(2), { metadata: new Map(split(1)), tensors: tensor('b') })
    assert.equal(readHeader(part(1)).tensorBytes, 2 * 32 * 4)
    assert.throws(() => readHeader(part(2)), /name the first one/)
  })
})
