// The proof, shortened to 2 kills of each.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './kills.ts'

test('nothing acknowledged is lost, whatever is killed, and everything recovers by itself', async () => {
  const findings = await run({ whole: false })
  // Both kinds of writes were acknowledged, or nothing is proved.
  assert.match(findings, /^\| the server on SQLite \| 2 \| [1-9]\d* \| \d+ \| [1-9]\d* \| 0 \|/m)
})
