// Row 3: how long short requests wait for their first token in 8 busy streams while prompts of 4,000 tokens keep arriving.
import { complete, quantile, type Target } from '../load.ts'
import { promptWithoutSharedPrefix } from '../prompts.ts'

/** First-token times of the short requests, milliseconds. */
export interface InterferenceRow {
  readonly name: string
  readonly p50: number
  readonly p99: number
  readonly requests: number
}

/**
 * Eight clients send short prompts (about 64 tokens, 32 new) without pause while a ninth sends `longPrompts` prompts of about
 * 4,000 tokens one after the other. Ends when the last long prompt is answered.
 */
export async function measureInterference(target: Target, longPrompts: number, seed: number): Promise<InterferenceRow> {
  let next = seed * 100_000
  let busy = true
  const firstTokens: number[] = []
  const short = async (): Promise<void> => {
    while (busy) {
      const sample = await complete(target, promptWithoutSharedPrefix(next++, 56), 32)
      firstTokens.push(sample.firstTokenMs)
    }
  }
  const long = async (): Promise<void> => {
    for (let index = 0; index < longPrompts; index++) {
      await complete(target, promptWithoutSharedPrefix(next++, 3_800), 8)
    }
    busy = false
  }
  await Promise.all([long(), ...Array.from({ length: 8 }, short)])
  return {
    name: target.name,
    p50: quantile(firstTokens, 0.5),
    p99: quantile(firstTokens, 0.99),
    requests: firstTokens.length,
  }
}
