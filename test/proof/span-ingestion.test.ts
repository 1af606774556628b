// The proof, shortened to two seconds: every span that was sent is found.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './span-ingestion.ts'

test('no span is lost', async () => {
  const findings = await run({ whole: false })
  assert.match(findings, /^\| SQLite \| 4,000 \| 4,000 \|/m)
})
