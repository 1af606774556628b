// Log-probabilities against arithmetic on a small row.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chosenLogprob } from './logprobs.ts'

const pieces = ['a', 'b', 'c', 'd', '\u00e9'].map((text) => Buffer.from(text))
const vocabulary = { piece: (token: number) => pieces[token] ?? new Uint8Array() }

test('log-probabilities of the whole row sum to one and the best come first', () => {
  const row = Float32Array.of(1, 3, 2, 3, -5)
  const normalizer = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0))
  const all = chosenLogprob(row, normalizer, 2, 5, vocabulary)
  assert.deepEqual(
    all.top.map((entry) => entry.tokenId),
    [1, 3, 2, 0, 4],
  )
  const sum = all.top.reduce((total, entry) => total + Math.exp(entry.logprob), 0)
  assert.ok(Math.abs(sum - 1) < 1e-6)
  assert.equal(all.logprob, all.top[2]?.logprob)
  assert.deepEqual([all.token, all.bytes, all.tokenId], ['c', [99], 2])
  assert.equal(all.top[4]?.token, '\u00e9')
  assert.equal(chosenLogprob(row, normalizer, 0, 0, vocabulary).top.length, 0)
})
