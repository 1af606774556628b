// A small deterministic source of random numbers: the same seed gives the same numbers on every machine and build.

/** Numbers in [0, 1) with 32 bits of randomness each. */
export type RandomSource = () => number

/**
 * xoshiro128** (Blackman and Vigna, 2018), its state filled by SplitMix32 from all 53 bits of the seed.
 * Any finite number is a seed; fractions are cut.
 */
export function randomSource(seed: number): RandomSource {
  let mix = (Math.trunc(seed) >>> 0) ^ Math.imul(Math.floor(seed / 4_294_967_296) >>> 0, 0x85ebca6b)
  const fill = (): number => {
    mix = (mix + 0x9e3779b9) | 0
    let z = mix ^ (mix >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z ^= z >>> 15
    z = Math.imul(z, 0x735a2d97)
    return z ^ (z >>> 15)
  }
  let [a, b, c, d] = [fill(), fill(), fill(), fill()]
  return () => {
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return result / 4_294_967_296
  }
}

/** A seed for calls that sent none. */
export function freshSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
}
