// The proof, shortened to 20 MB.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './pull-faulty-hub.ts'

test('a pull through a faulty hub, by processes that are killed, ends with the right file', async () => {
  const findings = await run({ whole: false })
  assert.match(findings, /^\| connections reset within the body \| [1-9]\d* \|$/m)
  assert.match(findings, /^\| processes killed \| 1 \|$/m)
})
