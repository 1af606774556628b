// `galerne quantize` and `galerne models measure` as a user runs them, without a server.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { QualityRecord } from '../../src/features/models/measure.ts'
import { storedModels } from '../../src/features/models/stored.ts'
import { runGalerne } from '../support/command-line.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { starterModel } from '../support/weights.ts'

const launcher = fileURLToPath(new URL('../../bin/galerne.js', import.meta.url))
let folder = ''
let home = ''
let weights = ''

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-quantize-'))
  home = join(folder, 'home')
  weights = await tinyLlama({ folder, vocabulary: byteVocabulary([]), name: 'tiny-F16' })
})
after(() => rm(folder, { recursive: true }))

const galerne = (...given: string[]) => runGalerne(home, given)

interface Made {
  readonly name: string
  readonly path: string
  readonly sha256: string
  readonly sizeBytes: number
  readonly from: string
  readonly to: string
  readonly before: QualityRecord
  readonly after: QualityRecord
}

test('the result is a stored model, with figures of before and after on the same text', async () => {
  const { code, output, errors } = await galerne('quantize', weights, '--to', 'q8_0', '--threads', '1', '--json')
  assert.equal(code, 0, errors)
  const made = JSON.parse(output) as Made
  assert.deepEqual([made.name, made.from, made.to], ['tiny:Q8_0', 'F16', 'Q8_0'])
  const [stored] = await storedModels(home)
  assert.deepEqual([stored?.name, stored?.reference, stored?.bytes], ['tiny:Q8_0', 'tiny:Q8_0', made.sizeBytes])
  assert.equal(stored?.files[0]?.sha256, made.sha256)
  assert.equal(made.after.digest, made.sha256)
  assert.equal(made.before.textSha256, made.after.textSha256)
  assert.ok(made.after.sizeBytes < made.before.sizeBytes)
  // Random weights: every token of the vocabulary is about as likely as any other.
  for (const { perplexity, tokens, tokensPerSecond, window } of [made.before, made.after]) {
    assert.ok(perplexity > 100 && perplexity < 2000, `perplexity ${perplexity}`)
    assert.ok(tokens >= 255 && tokens % 255 === 0 && window === 512)
    assert.ok(tokensPerSecond > 0)
  }
  assert.notEqual(made.before.perplexity, made.after.perplexity)
  assert.ok(Math.abs(made.after.perplexity / made.before.perplexity - 1) < 0.02)
})

test('it is found by its name, measured by it, and the record is kept', async () => {
  const tasks = join(folder, 'tasks.jsonl')
  const task = { prompt: 'abc', choices: [' d', ' efg'], answer: 1 }
  await writeFile(tasks, `${JSON.stringify(task)}\n${JSON.stringify({ ...task, answer: 0 })}\n`)
  const { code, output, errors } = await galerne('models', 'measure', 'tiny:q8_0', '--tasks', tasks, '--json')
  assert.equal(code, 0, errors)
  const record = JSON.parse(output) as QualityRecord
  assert.deepEqual([record.model, record.quantisation, record.tasks], ['tiny:Q8_0', 'Q8_0', 2])
  // The same question with both answers called right.
  assert.equal(record.accuracy, 0.5)
  assert.deepEqual(await readdir(join(home, 'quality')).then((names) => names.includes(`${record.digest}.json`)), true)
  const text = await galerne('models', 'measure', 'tiny:Q8_0')
  assert.match(text.output, /quantisation +size +perplexity +tokens\/s +accuracy\ntiny:Q8_0 +Q8_0 /)
})

test('nonsense is refused by the name of the flag', async () => {
  const cases: readonly (readonly [args: string[], said: RegExp])[] = [
    [[weights, '--to', 'Q9_X'], /to.*"Q9_X" is no quantisation; those there are: F32, F16/s],
    [[weights, '--to', 'F16'], /already/],
    [[weights, '--to', 'Q8_0'], /output.*is there already/s],
    [['tiny:Q8_0', '--to', 'Q4_0'], /quantised already \(Q8_0\).*--allow-requantize/s],
    [[weights, '--to', 'Q4_0', '-o', join(folder, 'x.bin')], /ends in \.gguf/],
    [[join(folder, 'none.gguf'), '--to', 'Q4_0'], /no file/],
    [[weights, '--to', 'Q4_0', '--threads', '0'], /threads/],
  ]
  for (const [args, said] of cases) {
    const { code, errors } = await galerne('quantize', ...args)
    assert.notEqual(code, 0, errors)
    assert.match(errors, said)
  }
  const short = join(folder, 'short.txt')
  await writeFile(short, 'too short')
  const { code, errors } = await galerne('models', 'measure', weights, '--text', short)
  assert.equal(code, 1)
  assert.match(errors, /text.*at least 512/s)
})

test('Ctrl-C ends it at once and leaves nothing half done', async () => {
  const output = join(folder, 'stopped.gguf')
  const args = ['quantize', await starterModel(), '--to', 'Q6_K', '--allow-requantize', '-o', output, '--threads', '1']
  // On a busy machine the signal may come when all is done: then it is begun again.
  let [code, errors] = [0, '']
  for (let attempt = 0; code === 0 && attempt < 5; attempt++) {
    await rm(output, { force: true })
    const child: ChildProcess = spawn(process.execPath, [launcher, ...args, '--home', home])
    errors = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    const exited = once(child, 'exit')
    const begun = () =>
      stat(`${output}.partial`).then(
        () => true,
        () => false,
      )
    while (!(await begun()) && child.exitCode === null) await delay(5)
    child.kill('SIGINT')
    code = ((await exited) as [number])[0]
  }
  assert.equal(code, 1, errors)
  assert.match(errors, /Stopped\. Nothing half done is left\./)
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('stopped')),
    [],
  )
})
