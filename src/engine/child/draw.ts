// Draws a token from logits at a temperature, within top-k, top-p and min-p. Pure but for the random source.

import type { Sampling } from '../../wire/model.ts'
import { fastExp } from './fast-exp.ts'
import type { RandomSource } from './random.ts'

/** Tokens further than this below the best, in natural logarithms, weigh under 1e-17 of it: rounding hides them. */
const negligible = 40

/**
 * Draws one token: temperature first, then top-k, top-p (over what top-k left) and min-p.
 * Returns -1 when no logit is finite. `temperature` is above 0.
 */
export function drawToken(
  logits: Float32Array,
  temperature: number,
  { topK = 0, topP = 1, minP = 0 }: Sampling,
  random: RandomSource,
): number {
  const best = greatest(logits)
  if (best === -Infinity) return -1
  const floor = best + temperature * Math.max(Math.log(minP), -negligible)
  const limited = topK > 0 && topK < logits.length
  if (!limited && topP >= 1) return drawFromAll(logits, best, temperature, floor, random)
  const total = limited ? undefined : weightOfAll(logits, best, temperature)
  const { tokens, weights } = likeliest(logits, best, temperature, limited ? topK : logits.length, topP, total)
  return drawFromSorted(tokens, weights, topP, total, fastExp((floor - best) / temperature), random)
}

function greatest(logits: Float32Array): number {
  let most = -Infinity
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] as number // Inside the bounds.
    if (logit > most) most = logit
  }
  return most
}

function weightOfAll(logits: Float32Array, best: number, temperature: number): number {
  let total = 0
  for (let token = 0; token < logits.length; token += 1) {
    const away = ((logits[token] as number) - best) / temperature // Inside the bounds.
    if (away > -negligible) total += fastExp(away)
  }
  return total
}

let allWeights = new Float64Array(0)

function drawFromAll(
  logits: Float32Array,
  best: number,
  temperature: number,
  floor: number,
  random: RandomSource,
): number {
  if (allWeights.length < logits.length) allWeights = new Float64Array(logits.length)
  let total = 0
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] as number // Inside the bounds.
    const weight = logit >= floor ? fastExp((logit - best) / temperature) : 0
    allWeights[token] = weight
    total += weight
  }
  let left = random() * total
  let chosen = -1
  for (let token = 0; token < logits.length; token += 1) {
    const weight = allWeights[token] as number // Inside the bounds.
    if (weight === 0) continue
    chosen = token
    left -= weight
    if (left < 0) return token
  }
  return chosen
}

/** Tokens sorted by weight: at least the `count` likeliest, or enough to reach `topP` of `total`. Widens its threshold until it has them. */
function likeliest(
  logits: Float32Array,
  best: number,
  temperature: number,
  count: number,
  topP: number,
  total: number | undefined,
): { tokens: number[]; weights: number[] } {
  for (let width = 4; ; width *= 2) {
    const floor = best - width * temperature
    const tokens: number[] = []
    let weight = 0
    for (let token = 0; token < logits.length; token += 1) {
      const logit = logits[token] as number // Inside the bounds.
      if (logit >= floor) {
        tokens.push(token)
        weight += fastExp((logit - best) / temperature)
      }
    }
    const enough = total === undefined ? tokens.length >= count : weight >= topP * total
    if (!enough && width < negligible) continue
    const logitOf = (token: number): number => logits[token] ?? -Infinity
    tokens.sort((left, right) => logitOf(right) - logitOf(left) || left - right)
    tokens.length = Math.min(tokens.length, count)
    return { tokens, weights: tokens.map((token) => fastExp((logitOf(token) - best) / temperature)) }
  }
}

function drawFromSorted(
  tokens: readonly number[],
  weights: readonly number[],
  topP: number,
  total: number | undefined,
  minWeight: number,
  random: RandomSource,
): number {
  const whole = total ?? weights.reduce((sum, weight) => sum + weight, 0)
  let kept = 0
  let sum = 0
  while (kept < tokens.length && (kept === 0 || (sum < topP * whole && (weights[kept] ?? 0) >= minWeight))) {
    sum += weights[kept] ?? 0
    kept += 1
  }
  let left = random() * sum
  for (let index = 0; index < kept; index += 1) {
    left -= weights[index] ?? 0
    if (left < 0) return tokens[index] ?? -1
  }
  return tokens[kept - 1] ?? -1
}
