// The choice of threads on simulated machines: quiet, busy, and busy for a while.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ThreadChoice } from './thread-choice.ts'

/** Milliseconds of a step on a machine where `cores` are free: threads beyond them wait for one another's time slices. */
const stepMs = (cores: number) => (threads: number, rows: number) =>
  threads <= cores ? (rows * 10) / threads ** 0.8 + 4 : rows * 60 + 200

/** Runs steps for `ms`; the time spent with each number of threads. */
function run(
  choice: ThreadChoice,
  from: number,
  ms: number,
  time: ReturnType<typeof stepMs>,
  sizes = [8, 64, 8, 8, 1],
) {
  const spent = new Map<number, number>()
  let now = from
  for (let step = 0; now < from + ms; step += 1) {
    const rows = sizes[step % sizes.length] ?? 1
    const threads = choice.threadsFor(rows, now)
    const took = time(threads, rows)
    now += took
    choice.observe(threads, rows, took, now)
    spent.set(threads, (spent.get(threads) ?? 0) + took)
  }
  return { now, share: (threads: number) => (spent.get(threads) ?? 0) / (now - from) }
}

test('on a quiet machine all threads work, but for rare trials', () => {
  for (const most of [2, 4, 15]) {
    assert.ok(run(new ThreadChoice(most), 0, 300_000, stepMs(most)).share(most) > 0.97, `${most} threads`)
  }
  assert.equal(run(new ThreadChoice(1), 0, 10_000, stepMs(1)).share(1), 1)
})

test('where a core is taken, one thread fewer is used, and all again when it is free', () => {
  const choice = new ThreadChoice(2)
  const busy = run(choice, 0, 120_000, stepMs(1))
  assert.ok(busy.share(1) > 0.8, `${busy.share(1)} with one thread`)
  const later = run(choice, busy.now, 300_000, stepMs(2))
  assert.ok(later.share(2) > 0.7, `${later.share(2)} with two threads`)
})

test('a machine that gets busy is noticed after a few steps', () => {
  const choice = new ThreadChoice(2)
  const quiet = run(choice, 0, 600_000, stepMs(2))
  assert.ok(run(choice, quiet.now, 60_000, stepMs(1)).share(1) > 0.75)
})

test('what other engines take is not used, nor tried; what they give back is used at once', () => {
  const choice = new ThreadChoice(4)
  const first = run(choice, 0, 60_000, stepMs(4))
  choice.limit(1, first.now)
  const limited = run(choice, first.now, 300_000, stepMs(1))
  assert.equal(limited.share(1), 1)
  choice.limit(4, limited.now)
  assert.equal(choice.threadsFor(1, limited.now), 4)
  assert.ok(run(choice, limited.now, 300_000, stepMs(4)).share(4) > 0.97)
})

test('a lone row is never part of a trial', () => {
  const choice = new ThreadChoice(2)
  assert.equal(run(choice, 0, 300_000, stepMs(2), [1]).share(2), 1)
})
