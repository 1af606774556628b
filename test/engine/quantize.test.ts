// Quantising in a process of its own: what it makes, what it refuses, and that nothing half done stays.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fail } from '../../src/base/errors.ts'
import { readHeader } from '../../src/engine/header.ts'
import { findQuantisation, quantisationNames, quantisationOf } from '../../src/engine/quantisations.ts'
import { type QuantizeTask, quantizeFile } from '../../src/engine/quantize.ts'
import { catalogueModels } from '../../src/features/models/catalogue.ts'
import { writeGguf } from '../support/gguf.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { writeHollowModel } from '../support/hollow-models.ts'

let folder = ''
let input = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-quantise-'))
  input = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
})
after(() => rm(folder, { recursive: true }))

const options = { model: 'tiny', environment: {}, onSize: async () => {} }

function task(to: string, more: Partial<QuantizeTask> = {}): QuantizeTask {
  const type = findQuantisation(to)?.number ?? -1
  return { input, output: join(folder, `${to}.gguf`), type, threads: 1, allowRequantize: false, ...more }
}

const types = (path: string) => new Map(readHeader(path).tensors.map(({ name, type }) => [name, type]))

test('the size is told before, progress on the way, and the file has the types of the quantisation', async () => {
  let promised = 0
  const seen: number[] = []
  const made = await quantizeFile(task('Q8_0'), {
    ...options,
    onSize: async (bytes) => {
      promised = bytes
    },
    onProgress: (bytes) => seen.push(bytes),
  })
  const header = readHeader(task('Q8_0').output)
  assert.equal(made.fallbacks, 0)
  assert.equal(quantisationOf(header), 'Q8_0')
  assert.equal(types(task('Q8_0').output).get('blk.0.attn_q.weight'), 'q8_0')
  assert.equal(types(task('Q8_0').output).get('blk.0.attn_norm.weight'), 'f32')
  // The log has two digits.
  assert.ok(Math.abs(promised - header.tensorBytes) <= 0.006 * 2 ** 20, `${promised} and ${header.tensorBytes}`)
  const source = readHeader(input)
  assert.equal(seen.length, source.tensors.length)
  assert.deepEqual(
    seen,
    seen.toSorted((one, other) => one - other),
  )
})

test('rows that are no whole blocks take another type, and it is counted', async () => {
  const { fallbacks } = await quantizeFile(task('Q4_K_M'), options)
  assert.ok(fallbacks > 0)
  assert.equal(types(task('Q4_K_M').output).get('blk.0.attn_q.weight'), 'q5_0')
})

test('every name is known to the library', async () => {
  const refused: string[] = []
  for (const name of ['F32', 'BF16', 'Q6_K', 'Q5_K_S', 'Q4_0', 'IQ4_NL', 'Q3_K_M', 'Q2_K', 'TQ1_0'])
    await quantizeFile(task(name), options).then(
      () => assert.equal(quantisationOf(readHeader(task(name).output)), name),
      (error: unknown) => refused.push(`${name}: ${String(error)}`),
    )
  assert.deepEqual(refused, [])
  assert.equal(new Set(quantisationNames.map((name) => findQuantisation(name)?.number)).size, quantisationNames.length)
})

test('what is quantised already is refused, and with leave taken', async () => {
  const again = task('Q4_0', { input: task('Q8_0').output, output: join(folder, 'again.gguf') })
  await assert.rejects(quantizeFile(again, options), {
    code: 'quantization_failed',
    message: /requantizing from type q8_0 is disabled/,
  })
  await assert.rejects(stat(again.output), { code: 'ENOENT' })
  await quantizeFile({ ...again, allowRequantize: true }, options)
  assert.equal(quantisationOf(readHeader(again.output)), 'Q4_0')
})

test('what the size throws, an abort and a broken source leave no file', async () => {
  const before = await readdir(folder)
  const none = (name: string) => task('Q5_0', { output: join(folder, `${name}.gguf`) })
  const full = fail('disk_full', { path: folder, needed: 2, free: 1 })
  await assert.rejects(quantizeFile(none('full'), { ...options, onSize: () => Promise.reject(full) }), full)
  const controller = new AbortController()
  const reason = new Error('enough')
  const onSize = async () => controller.abort(reason)
  await assert.rejects(quantizeFile(none('abort'), { ...options, onSize, signal: controller.signal }), reason)
  const broken = join(folder, 'broken.bin')
  await writeFile(broken, (await readFile(input)).subarray(0, 5000))
  await assert.rejects(quantizeFile({ ...none('broken'), input: broken }, options), { code: 'quantization_failed' })
  await rm(broken)
  assert.deepEqual(await readdir(folder), before)
})

/** A matrix that finds the first half of the columns of one weight important, in both forms of files. */
const weight = 'blk.0.ffn_up.weight'
const sums = Float32Array.from({ length: 64 }, (_, column) => (column < 32 ? 4000 : 0.4))

async function matrixFiles(): Promise<{ readonly gguf: string; readonly plain: string }> {
  const gguf = join(folder, 'matrix.gguf')
  const metadata = new Map([['general.type', { type: 'string', value: 'imatrix' } as const]])
  await writeGguf(gguf, {
    metadata,
    tensors: [
      { name: `${weight}.in_sum2`, shape: [64, 1], type: 'f32', values: sums },
      { name: `${weight}.counts`, shape: [1, 1], type: 'f32', values: Float32Array.of(4) },
    ],
  })
  const plain = join(folder, 'matrix.dat')
  const numbers = (...values: number[]) => Buffer.from(Int32Array.from(values).buffer)
  await writeFile(
    plain,
    Buffer.concat([numbers(1, weight.length), Buffer.from(weight), numbers(4, 64), Buffer.from(sums.buffer)]),
  )
  return { gguf, plain }
}

test('an importance matrix changes what it names, alike in both forms', async () => {
  const { gguf, plain } = await matrixFiles()
  const make = async (name: string, importance: string | undefined) => {
    const output = join(folder, `${name}.gguf`)
    await quantizeFile(task('Q4_0', { output, importance }), options)
    return await readFile(output)
  }
  const [without, one, other] = [await make('w', undefined), await make('g', gguf), await make('p', plain)]
  assert.equal(one.equals(other), true)
  assert.equal(one.equals(without), false)
})

test('a matrix that is none is refused by its flag', async () => {
  const refused = { code: 'invalid_value', message: /importance-matrix/ }
  for (const [name, content] of [
    ['text', 'hello'],
    ['long', Buffer.from(Int32Array.of(2 ** 30, 5).buffer)],
    ['magic', 'GGUF and nothing else'],
  ] as const) {
    const importance = join(folder, name)
    await writeFile(importance, content)
    await assert.rejects(quantizeFile(task('Q4_1', { importance }), options), refused, name)
  }
  const missing = task('Q4_1', { importance: join(folder, 'nothing') })
  await assert.rejects(quantizeFile(missing, options), refused)
})

test('so few bits that they need a matrix are refused without one, before anything is written', async () => {
  const model = catalogueModels.find(({ name }) => name === 'mistral-7b-instruct-v0.3')
  assert.ok(model)
  const { architecture, shape: numbers, contextLength } = model
  // The real header with a hole in place of the tensors.
  const facts = { architecture, numbers, contextLength, quantisation: 'F16', file: 'mistral.gguf' }
  const hollow = await writeHollowModel(folder, facts)
  await assert.rejects(quantizeFile(task('IQ1_S', { input: hollow }), options), {
    code: 'invalid_value',
    message: /importance-matrix.*name one/s,
  })
  await assert.rejects(stat(task('IQ1_S').output), { code: 'ENOENT' })
})
