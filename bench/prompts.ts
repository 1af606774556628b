// Makes prompts of a wanted length from a fixed word list, the same on every run. Knows nothing of tokenizers: lengths are checked by the caller.

const words =
  'river stone winter garden letter engine market bridge candle forest harbour mirror window planet summer thunder velvet copper meadow island lantern paper silver orchard compass ribbon valley anchor feather castle'.split(
    ' ',
  )

/** A small generator of numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** `count` words that differ by seed; about 1.05 tokens a word for SmolLM2's vocabulary. */
export function passage(seed: number, count: number): string {
  const random = randomFrom(seed)
  return Array.from({ length: count }, () => words[Math.floor(random() * words.length)]).join(' ')
}

/** A prompt that shares its first `sharedWords` words with every other one of the same `prefix`, then differs by `seed`. */
export function promptWithSharedPrefix(prefix: number, seed: number, sharedWords: number, ownWords: number): string {
  return `${passage(prefix, sharedWords)}\n\nNote ${seed}: ${passage(seed + 1000, ownWords)}\n\nContinue the story:`
}

/** A prompt that differs from every other one from its first word on. */
export function promptWithoutSharedPrefix(seed: number, wordCount: number): string {
  return `${passage(seed + 5000, wordCount)}\n\nContinue the story:`
}
