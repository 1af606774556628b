// The proof, shortened to 6 prompts.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from './greedy-equals-llama-server.ts'

const environment = fileURLToPath(new URL('../../.cache/python/llama-server/packages', import.meta.url))
const present = existsSync(environment) || spawnSync('llama-server', ['--version']).status === 0
const skip = present ? false : 'run scripts/prepare-python.sh, or put a llama-server on PATH'

test('greedy output equals llama-server token for token, or parts at a near-tie', { skip }, async () => {
  assert.match(await run({ whole: false }), /of 6 prompts equal/)
})
