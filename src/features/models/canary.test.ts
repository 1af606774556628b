// The draws of a canary and what takes it off, as figures alone: no server, no chance.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCanaryWatch, drawText, gateFault, isDrawn } from './canary.ts'

const rule = { errorRate: 0.1, minimumCalls: 10, windowMs: 60_000, firstTokenRatio: 2 }

test('of 400 calls a quarter is drawn, within three standard deviations, whatever the seed; the same seed draws the same', () => {
  // √(400 × 0.25 × 0.75) is 8.7: three of them are 26. Seeds are fixed, so this is the same every time.
  for (let seed = 1; seed <= 50; seed++) {
    const draws = Array.from({ length: 400 }, (_, call) => isDrawn(25, seed, `call ${call}`))
    const drawn = draws.filter(Boolean).length
    assert.ok(Math.abs(drawn - 100) <= 26, `seed ${seed} drew ${drawn}`)
    assert.deepEqual(
      draws,
      Array.from({ length: 400 }, (_, call) => isDrawn(25, seed, `call ${call}`)),
    )
  }
  assert.equal(isDrawn(0, 1, 'call'), false)
  assert.equal(isDrawn(100, 1, 'call'), true)
})

test('a key, a user or a session keeps its draw, and a larger share keeps those that it had', () => {
  const facts = { id: 'key_1', user: 'user_1', endUser: 'end-user', session: 'talk' }
  assert.equal(drawText({ sticky: 'key' }, facts, 1), drawText({ sticky: 'key' }, { id: 'key_1' }, 2))
  assert.equal(drawText({ sticky: 'session' }, facts, 1), 'session talk')
  assert.equal(drawText({ sticky: 'user' }, facts, 1), 'user end-user')
  assert.equal(drawText({ sticky: 'session' }, { id: 'key_1' }, 1), 'key key_1')
  assert.notEqual(drawText({ sticky: 'random' }, facts, 1), drawText({ sticky: 'random' }, facts, 2))
  const keys = Array.from({ length: 400 }, (_, index) => `key ${index}`)
  const few = keys.filter((key) => isDrawn(10, 3, key))
  assert.ok(few.every((key) => isDrawn(30, 3, key)))
})

test('errors count once there are enough, within the window, and only beyond those of the target', () => {
  const call = (at: number, failed: boolean) => ({ at, failed, firstTokenMs: 5 })
  const early = createCanaryWatch(rule)
  for (let at = 0; at < 9; at++) assert.equal(early.note('canary', call(at, true)), undefined)
  assert.match(early.note('canary', call(9, true)) ?? '', /10 of its last 10 calls failed; 10 % may/)
  const passing = createCanaryWatch(rule)
  for (let at = 0; at < 9; at++) passing.note('canary', call(at, true))
  assert.equal(passing.note('canary', call(100_000, false)), undefined)
  const both = createCanaryWatch(rule)
  for (let at = 0; at < 20; at++) both.note('target', call(at, true))
  for (let at = 0; at < 20; at++) assert.equal(both.note('canary', call(at, true)), undefined)
  const within = createCanaryWatch(rule)
  for (let at = 0; at < 100; at++) assert.equal(within.note('canary', call(at, at % 10 === 9)), undefined)
})

test('a first token that comes too late against the target takes it off, and nothing is said of too few', () => {
  const watch = createCanaryWatch(rule)
  const call = (firstTokenMs: number) => ({ at: 0, failed: false, firstTokenMs })
  for (let count = 0; count < 10; count++) watch.note('target', call(100))
  for (let count = 0; count < 9; count++) assert.equal(watch.note('canary', call(250)), undefined)
  assert.match(watch.note('canary', call(250)) ?? '', /took 250 ms at p95, the target's 100 ms; 2 times may be/)
})

test('a gate asks for measurements, absolute or against the target on the same text', () => {
  const none = { maxPerplexity: null, maxPerplexityRatio: null, minAccuracy: null }
  const measured = (perplexity: number | null, accuracy: number | null, textSha256: string | null) => [
    { digest: 'd', perplexity, accuracy, textSha256 },
  ]
  assert.equal(gateFault(none, [], []), undefined)
  assert.match(gateFault({ ...none, maxPerplexity: 20 }, [], []) ?? '', /was not measured/)
  assert.equal(gateFault({ ...none, maxPerplexity: 20 }, measured(19, null, 't'), []), undefined)
  assert.match(gateFault({ ...none, maxPerplexity: 20 }, measured(21, null, 't'), []) ?? '', /is 21; 20 may be/)
  assert.match(gateFault({ ...none, minAccuracy: 0.5 }, measured(1, 0.4, 't'), []) ?? '', /is 0.4; 0.5 must be/)
  const ratio = { ...none, maxPerplexityRatio: 1.05 }
  assert.equal(gateFault(ratio, measured(10.4, null, 't'), measured(10, null, 't')), undefined)
  assert.match(gateFault(ratio, measured(11, null, 't'), measured(10, null, 't')) ?? '', /1.05 times may be/)
  assert.match(gateFault(ratio, measured(10, null, 't'), measured(10, null, 'other')) ?? '', /on the same text/)
})
