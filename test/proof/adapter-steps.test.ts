// The measurement, shortened to one round of a few tokens: that it runs, not what it finds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './adapter-steps.ts'

test('answers with different adapters run beside each other', async () => {
  assert.match(await run({ whole: false }), /^\| one plain, two with one adapter each \| \d/m)
})
