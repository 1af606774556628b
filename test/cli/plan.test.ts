// `galerne plan`, `list --catalogue` and `show` as a stranger meets them: without a server, a home or a network.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { PlanReport } from '../../src/features/plans/report.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'

const command = join(import.meta.dirname, '../../bin/galerne.js')
const folder = mkdtempSync(join(tmpdir(), 'galerne-plan-'))
after(() => rmSync(folder, { recursive: true }))

function galerne(...words: string[]): { readonly out: string; readonly error: string; readonly code: number | null } {
  const flags = [...words, '--home', join(folder, 'home')]
  const { stdout, stderr, status } = spawnSync(process.execPath, [command, ...flags], { encoding: 'utf8', cwd: folder })
  return { out: stdout, error: stderr, code: status }
}

test('plan: a model of the catalogue on GPUs, as JSON', () => {
  const words = ['plan', 'mistral-nemo', '--quant', 'q8_0', '--context', '16384', '--users', '2']
  const machine = ['--vram', '24GiB,24GiB', '--ram', '64GiB', '--bandwidth', '1008', '--price', '0.9']
  const { out, code } = galerne(...words, ...machine, '--json')
  assert.equal(code, 0)
  const report = JSON.parse(out) as PlanReport
  assert.deepEqual(
    [report.model, report.quantisation, report.context, report.users, report.verdict],
    ['mistral-nemo-instruct-2407', 'Q8_0', 16_384, 2, 'fits'],
  )
  assert.equal(report.kv_bytes, 2 * 16_384 * 160 * 1024)
  assert.deepEqual(
    report.devices.map(({ name, kind, available_bytes: bytes }) => [name, kind, bytes / 2 ** 30]),
    [
      ['GPU 0', 'gpu', 24],
      ['GPU 1', 'gpu', 24],
      ['processor', 'cpu', 64],
    ],
  )
  assert.ok((report.details.speed?.tokens_per_second ?? 0) > 0)
  assert.match(report.details.cost_per_million_nano ?? '', /^\d+$/)
  assert.match(report.details.formulas.kv, /2 users × \(40 layers × \(1024 \+ 1024\) floats × 2 bytes × 16384 cells\)/)
})

test('plan: words for people, with each formula and the licence', () => {
  const { out, code } = galerne('plan', 'codestral', '--vram', '16GiB', '--ram', '64GiB', '--context', '8192')
  assert.equal(code, 0)
  for (const term of ['weights', 'KV and state', 'compute', 'overhead', 'total', 'margin'])
    assert.match(out, new RegExp(`^${term} +[\\d.]+ (GiB|MiB)`, 'm'))
  assert.match(out, /It fits with less context: [\d,]+ tokens instead of 8,192/)
  assert.match(out, /Note: Mistral AI Non-Production License: .*production/)
})

test('plan: a file of weights, by its header', async () => {
  const path = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
  const { out } = galerne('plan', path, '--json')
  const report = JSON.parse(out) as PlanReport
  assert.deepEqual([report.model, report.quantisation, report.context], ['tiny-llama', 'F16', 2048])
})

test('plan: what is wrong is said with the name of the flag', () => {
  for (const [words, expected] of [
    [['no-such-model'], /"model" is not valid: .*list --catalogue/],
    [['mistral-7b', '--context', '99999999'], /"context" is not valid: .*from 1 to 32768/],
    [['mistral-7b', '--vram', '24'], /"vram" is not valid: .*24GiB/],
    [['mistral-7b', '--ram', '0GiB'], /"ram" is not valid/],
    [['mistral-7b', '--users', '1.5'], /"users" is not valid/],
    [['mistral-7b', '--price', 'free'], /"price" is not valid/],
    [['mistral-7b', '--quant', 'Q3_X'], /"quant" is not valid: .*Q4_K_M/],
  ] as const) {
    const { error, code } = galerne('plan', ...words)
    assert.equal(code, 1, words.join(' '))
    assert.match(error, expected)
  }
})

test('list --catalogue and show: every model, its licence and where its facts come from', () => {
  const { out } = galerne('list', '--catalogue', '--json')
  const models = JSON.parse(out) as { name: string; kv_bytes_per_token: number; files: { weights_bytes: number }[] }[]
  const large = models.find(({ name }) => name === 'mistral-large-instruct-2407')
  assert.equal(large?.kv_bytes_per_token, 352 * 1024)
  assert.equal(large?.files[0]?.weights_bytes, 73_218_834_432)
  assert.match(galerne('list', '--catalogue').out, /^codestral-22b-v0\.1 .*Non-Production License \(limits\)$/m)
  const shown = galerne('show', 'mistral-large').out
  assert.match(shown, /Commercial use needs a licence from Mistral AI/)
  assert.match(shown, /^from +https:\/\/huggingface\.co\/mistralai\/Mistral-Large-Instruct-2407 \(2024-07-24\)$/m)
  assert.match(galerne('show', 'nothing').error, /"model" is not valid/)
})

test('list without a server says how to start one', () => {
  const { error, code } = galerne('list', '--port', '9')
  assert.equal(code, 1)
  assert.match(error, /No Galerne server answers/)
})
