// Guesses on texts that repeat and on texts that do not, for machines where rows are cheap and where they are dear.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pace } from './pace.ts'
import { Speculation } from './speculate.ts'

function machine(base: number, perRow: number): Pace {
  const pace = new Pace()
  for (let step = 0; step < 100; step += 1) pace.observe(1 + (step % 32), base + perRow * (1 + (step % 32)))
  return pace
}

/** Runs an answer that is `truth` from `from` on; the number of steps and of right guesses. */
function run(truth: readonly number[], from: number, pace: Pace): { steps: number; right: number } {
  const speculation = new Speculation()
  let length = from
  let steps = 0
  let right = 0
  while (length < truth.length) {
    const guessed = speculation.guess(truth.slice(0, length), pace, truth.length - length - 1)
    let accepted = 0
    while (accepted < guessed.length && guessed[accepted] === truth[length + accepted]) accepted += 1
    if (guessed.length > 0) speculation.learn(guessed.length, accepted)
    right += accepted
    length += accepted + 1
    steps += 1
  }
  return { steps, right }
}

const line = Array.from({ length: 40 }, (_, index) => 1000 + index)
const copied = [...line, ...line, ...line, ...line, ...line, ...line]

test('a text that copies itself takes far fewer steps where rows are cheap', () => {
  const { steps, right } = run(copied, 44, machine(20, 0.1))
  assert.ok(steps < 60 && right > 130, `${steps} steps, ${right} right`)
})

test('where a row costs as much as a step, guesses stay rare unless nearly all are right', () => {
  const noisy = copied.map((token, index) => (index % 5 === 4 ? index : token))
  const { steps } = run(noisy, 44, machine(0.1, 10))
  assert.ok(steps > (noisy.length - 44) * 0.85, `${steps} steps`)
})

test('a text without repetition is never guessed at', () => {
  const unique = Array.from({ length: 200 }, (_, index) => index)
  assert.deepEqual(run(unique, 10, machine(20, 0.1)), { steps: 190, right: 0 })
})
