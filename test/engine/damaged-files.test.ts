import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Failure } from '../../src/base/errors.ts'
import { readHeader } from '../../src/engine/header.ts'
import { tinyLlama, tinyMixtral } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'

interface Outcome {
  readonly loaded: boolean
  readonly code?: string
  readonly message?: string
  readonly finite?: boolean
}

const script = fileURLToPath(new URL('load-model.ts', import.meta.url))

/** Loads files in a process of its own; rejects when that process ends by a signal or an abort. */
async function load(paths: readonly string[]): Promise<Outcome[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...paths], { timeout: 900_000 })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome)
}

describe('a damaged model file', () => {
  let folder: string
  let good: Buffer
  let mixture: Buffer
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'galerne-damaged-'))
    const vocabulary = byteVocabulary(['<s>', '</s>'])
    good = await readFile(await tinyLlama({ folder, vocabulary }))
    mixture = await readFile(await tinyMixtral({ folder, vocabulary }))
  })
  after(() => rm(folder, { recursive: true }))

  /** Overwrites bytes at an offset. */
  function patched(file: Buffer, offset: number, bytes: Buffer): Buffer {
    const copy = Buffer.from(file)
    bytes.copy(copy, offset)
    return copy
  }

  function number(value: bigint): Buffer {
    const buffer = Buffer.alloc(8)
    buffer.writeBigUInt64LE(value)
    return buffer
  }

  /** Spells a key differently, so that it is missing. */
  function without(file: Buffer, key: string): Buffer {
    const offset = file.indexOf(key)
    assert.ok(offset > 0)
    return patched(file, offset, Buffer.from('x'))
  }

  /** A token of one byte as the file holds it: its length, then itself. */
  function byteToken(character: string): Buffer {
    return Buffer.concat([number(1n), Buffer.from(character)])
  }

  it('loads when it is not damaged', async () => {
    await writeFile(join(folder, 'good'), good)
    assert.deepEqual(await load([join(folder, 'good')]), [{ loaded: true, finite: true }])
  })

  it('is refused with what is wrong with it, and nothing crashes', async () => {
    const mib = 2 ** 20
    const cases: [string, Buffer, RegExp][] = [
      ['empty', Buffer.alloc(0), /not a GGUF file: it has only 0 bytes/],
      ['page', Buffer.from(`<html>${' '.repeat(100)}`), /begins with "<htm" \(a web page/],
      ['random', Buffer.alloc(mib, 'r4nd0m-bytes'), /begins with "r4nd"/],
      ['version', patched(good, 4, Buffer.from([9, 0, 0, 0])), /GGUF version is 9/],
      ['big-endian', patched(good, 4, Buffer.from([0, 0, 0, 3])), /big-endian/],
      ['tensors', patched(good, 8, number(2n ** 60n)), /claims .* tensors/],
      ['keys', patched(good, 16, number(2n ** 62n)), /claims .* metadata keys/],
      ['key-length', patched(good, 24, number(2n ** 63n)), /claims .* bytes of a metadata key/],
      ['header-end', good.subarray(0, 200), /truncated: the file ends inside its header|claims/],
      ['data-end', good.subarray(0, good.length - 1000), /truncated: its tensors end at byte/],
      ['layers', without(good, 'llama.block_count'), /"llama.block_count" is missing/],
      ['architecture', without(good, 'general.architecture'), /does not say its architecture/],
      ['tokens', without(good, 'tokenizer.ggml.tokens'), /no tokens/],
      ['experts', without(mixture, 'llama.expert_count'), /expert_count is missing/],
      ['experts-used', without(mixture, 'llama.expert_used_count'), /expert_used_count is missing/],
      ['token-twice', patched(good, good.indexOf(byteToken('a')), byteToken('b')), /the token "b" appears twice/],
      ['epsilon', patched(good, good.indexOf('rms_epsilon') + 15, Buffer.from([0, 0, 0x80, 0xbf])), /epsilon is -1/],
      ['tensor', without(good, 'blk.1.attn_q.weight'), /blk\.1\.attn_q/],
    ]
    for (const [name, bytes] of cases) await writeFile(join(folder, name), bytes)
    await mkdir(join(folder, 'folder'))
    const outcomes = await load([
      ...cases.map(([name]) => join(folder, name)),
      join(folder, 'folder'),
      join(folder, 'missing'),
    ])
    for (const [place, [name, , expected]] of cases.entries()) {
      assert.equal(outcomes[place]?.code, 'model_load_failed', name)
      assert.match(outcomes[place]?.message ?? '', expected, name)
    }
    assert.match(outcomes.at(-2)?.message ?? '', /not a file/)
    assert.match(outcomes.at(-1)?.message ?? '', /does not exist/)
  })

  it('is refused when tensors hold impossible numbers', async () => {
    // The whole data of the file becomes not-a-number, as after a bad disk: it would load, and every logit would be NaN.
    const bad = Buffer.from(good)
    bad.fill(0xff, bad.length - 20_000)
    await writeFile(join(folder, 'nan'), bad)
    const [outcome] = await load([join(folder, 'nan')])
    assert.equal(outcome?.code, 'model_load_failed')
    assert.match(outcome?.message ?? '', /invalid data/)
  })

  it('with any byte of its header changed either loads or is refused, in the reader and in the engine', async () => {
    const end = good.indexOf('blk.1.ffn_down.weight') + 60
    const survivors: string[] = []
    let refused = 0
    // Every 29th byte, each turned around: 29 shares no factor with the sizes of the format's fields.
    for (let offset = 0; offset < end; offset += 29) {
      const path = join(folder, `flipped-${offset}`)
      await writeFile(path, patched(good, offset, Buffer.from([(good[offset] ?? 0) ^ 0xff])))
      try {
        readHeader(path)
        survivors.push(path)
      } catch (error) {
        assert.ok(error instanceof Failure && error.code === 'model_load_failed', `offset ${offset}: ${String(error)}`)
        refused += 1
        await rm(path)
      }
    }
    assert.ok(refused > 20, `${refused} refused`)
    const sample = survivors.filter((_, place) => place % Math.ceil(survivors.length / 24) === 0)
    assert.equal((await load(sample)).length, sample.length)
  })
})
