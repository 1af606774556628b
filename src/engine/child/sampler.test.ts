// The sampler's distributions and rules on rows whose right answer is known by arithmetic.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sampler, type TokenMask } from './sampler.ts'

const vocabulary = { size: 6, endTokens: new Set([5]) }
const probabilities = [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.03125]
const row = Float32Array.from(probabilities, (probability) => Math.log(probability) + 3)

function frequencies(sampling: object, draws = 20_000, mask?: TokenMask): number[] {
  const sampler = new Sampler({ seed: 7, ...sampling }, 0, [], vocabulary)
  const counts = new Array<number>(6).fill(0)
  for (let draw = 0; draw < draws; draw += 1) {
    const token = sampler.sample(row, mask)
    counts[token] = (counts[token] ?? 0) + 1
  }
  return counts.map((count) => count / draws)
}

function near(actual: readonly number[], expected: readonly number[]): void {
  for (const [index, value] of expected.entries()) {
    const seen = actual[index] ?? 0
    assert.ok(Math.abs(seen - value) < 0.015, `token ${index}: ${seen} instead of ${value}`)
    if (value === 0) assert.equal(seen, 0)
  }
}

test('temperature 1 draws the distribution itself; other temperatures sharpen or flatten it', () => {
  near(frequencies({ temperature: 1 }), probabilities)
  const squared = probabilities.map((probability) => probability ** 2)
  const sum = squared.reduce((total, value) => total + value, 0)
  near(
    frequencies({ temperature: 0.5 }),
    squared.map((value) => value / sum),
  )
})

test('top-k, top-p and min-p keep exactly the tokens they should, renormalised', () => {
  near(frequencies({ temperature: 1, topK: 2 }), [2 / 3, 1 / 3, 0, 0, 0, 0])
  near(frequencies({ temperature: 1, topP: 0.7 }), [2 / 3, 1 / 3, 0, 0, 0, 0])
  near(frequencies({ temperature: 1, topP: 0.01 }), [1, 0, 0, 0, 0, 0])
  near(frequencies({ temperature: 1, minP: 0.2 }), [4 / 7, 2 / 7, 1 / 7, 0, 0, 0])
  near(frequencies({ temperature: 1, topK: 3, topP: 0.9, minP: 0.3 }), [2 / 3, 1 / 3, 0, 0, 0, 0])
  near(frequencies({ temperature: 1, topK: 1 }), [1, 0, 0, 0, 0, 0])
})

test('the same seed repeats the same tokens and another choice differs', () => {
  const draw = (choice: number) => {
    const sampler = new Sampler({ temperature: 1, seed: 42 }, choice, [], vocabulary)
    return Array.from({ length: 50 }, () => sampler.sample(row))
  }
  assert.deepEqual(draw(0), draw(0))
  assert.notDeepEqual(draw(0), draw(1))
})

test('greedy takes the largest logit, the mask and the bias decide what counts', () => {
  const greedy = (sampling: object, mask?: TokenMask) =>
    new Sampler({ temperature: 0, ...sampling }, 0, [], vocabulary).sample(row, mask)
  assert.equal(greedy({}), 0)
  assert.equal(greedy({ logitBias: { 0: -100 } }), 1)
  assert.equal(greedy({ logitBias: { 4: 100 } }), 4)
  assert.equal(greedy({}, Uint32Array.of(0b001100)), 2)
  assert.equal(row[0], Math.fround(Math.log(0.5) + 3), 'the row handed in stays as it was')
})

test('a mask holds when drawing too, and draws within it keep their proportions', () => {
  near(frequencies({ temperature: 1 }, 20_000, Uint32Array.of(0b001100)), [0, 0, 2 / 3, 1 / 3, 0, 0])
})

test('end tokens are forbidden before minTokens', () => {
  const sampler = new Sampler({ temperature: 0, minTokens: 2, logitBias: { 5: 50 } }, 0, [], vocabulary)
  const tokens = Array.from({ length: 3 }, () => {
    const token = sampler.sample(row)
    sampler.accept(token)
    return token
  })
  assert.deepEqual(tokens, [0, 0, 5])
})

test('a grammar that allows the end alone goes before minTokens', () => {
  const sampler = new Sampler({ temperature: 0, minTokens: 5 }, 0, [], vocabulary)
  assert.equal(sampler.sample(row, Uint32Array.of(0b100000)), 5)
})

test('presence and frequency penalties count the answer, the repetition penalty the prompt too', () => {
  const presence = new Sampler({ temperature: 0, presencePenalty: 1 }, 0, [0, 0], vocabulary)
  assert.equal(presence.sample(row), 0, 'the prompt does not count')
  presence.accept(0)
  assert.equal(presence.sample(row), 1)
  const frequency = new Sampler({ temperature: 0, frequencyPenalty: 0.4 }, 0, [], vocabulary)
  frequency.accept(0)
  assert.equal(frequency.sample(row), 0)
  frequency.accept(0)
  assert.equal(frequency.sample(row), 1)
  assert.equal(new Sampler({ temperature: 0, repetitionPenalty: 3 }, 0, [0], vocabulary).sample(row), 1)
})

test('a row of NaN is an engine failure, not a token', () => {
  const broken = new Float32Array(6).fill(Number.NaN)
  for (const temperature of [0, 1]) {
    const sampler = new Sampler({ temperature }, 0, [], vocabulary)
    assert.throws(() => sampler.sample(broken), { name: 'Failure', code: 'engine_output_invalid' })
  }
})
