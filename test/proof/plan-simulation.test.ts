// The proof, shortened to three models of the catalogue and all small ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './plan-simulation.ts'

test("the plan's bytes are those of the engine's own simulation", async () => {
  const findings = await run({ whole: false })
  assert.match(findings, /^\| mixtral-8x7b-instruct-v0\.1 \| Q4_K_M \| 27129\.87 \| 27129\.87 \|$/m)
  for (const name of ['SmolLM2', 'Gemma 3', 'tiny mixture', 'tiny Mamba', 'tiny BERT', 'tiny sliding'])
    assert.match(findings, new RegExp(`^\\| ${name}.* % \\|$`, 'm'))
})
