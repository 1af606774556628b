import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { assertFindings, benchmarkFile, holdBenchmark, holdHostile } from './json-schemas.ts'

test('schemas of jsonschemabench are held, and none is held open', {
  skip: existsSync(benchmarkFile)
    ? false
    : 'the benchmark is not beside the repository (../shared/data/evals/jsonschemabench)',
}, async () => {
  const found = await holdBenchmark(12)
  assertFindings(found)
  assert.ok(found.invalid > 0 && found.invented > 0)
  assert.ok(found.validAccepted > found.valid * 0.9)
})

test('a hundred hostile schemas end no process and none is held open', async () => {
  const found = await holdHostile(100)
  assert.deepEqual(found.inventedOpen, [])
  assert.ok(found.byGrammar > 0 && found.byValidation > 0 && found.refused > 0)
})
