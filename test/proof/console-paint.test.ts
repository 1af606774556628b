// The proof, shortened to one visit of each page.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noBrowser } from '../support/browser.ts'
import { run } from './console-paint.ts'

test('every page of the console paints', { skip: noBrowser }, async () => {
  assert.match(await run({ whole: false }), /^\| \/audit \| \d+ ms \| \d+ ms \|$/m)
})
