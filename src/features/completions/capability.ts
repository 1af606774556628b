// Refuses fill-in-the-middle where the model's vocabulary has no tokens for it.
import { fail } from '../../base/errors.ts'
import type { ModelCard } from '../../wire/model.ts'

/** Throws `unsupported_value` for `param` unless the model can fill in the middle. */
export function requireFillInTheMiddle(card: ModelCard, param: string): void {
  if (card.capabilities.fillInTheMiddle) return
  const reason = `the vocabulary of "${card.name}" has no tokens for filling in the middle; use a code model that has them`
  throw fail('unsupported_value', { param, reason })
}
