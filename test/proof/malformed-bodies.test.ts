// The proof, shortened to 200 requests.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './malformed-bodies.ts'

test('no body, however wrong, makes the server fail or grow', async () => {
  const findings = await run({ whole: false })
  // Bodies of both kinds were met, or nothing is proved.
  assert.match(findings, /^\| 200 \| \d+ \|$/m)
  assert.match(findings, /^\| 400 invalid_value \| \d+ \|$/m)
  assert.match(findings, /^\| 400 invalid_json \| \d+ \|$/m)
})
