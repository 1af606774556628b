// One choice of one generation as the scheduler sees it.

import type { TurnTaker } from './adapter-turns.ts'
import type { Choice } from './choice.ts'
import type { Generation } from './generate.ts'
import type { Runnable } from './step-plan.ts'

/** A choice with the request it belongs to. */
export class Sequence implements Runnable, TurnTaker {
  readonly generation: Generation
  readonly choice: Choice
  /** When it got its stream; milliseconds of the monotonic clock. */
  admittedAt = 0

  constructor(generation: Generation, choice: Choice) {
    this.generation = generation
    this.choice = choice
  }

  get pending(): number {
    return this.choice.pending
  }

  get interactive(): boolean {
    return this.generation.preparation.context.class === 'interactive'
  }

  get allRows(): boolean {
    return this.generation.promptLogprobs !== undefined && this.choice.index === 0 && this.choice.generated === 0
  }

  /** What it shares a step with. */
  get adapterKey(): string {
    return this.generation.preparation.adapters.key
  }

  /** Whether its prompt is still being decoded. */
  get prefilling(): boolean {
    return (this.choice.stream?.tokens.length ?? 0) < this.generation.preparation.prompt.length
  }

  /** Prefixes are shared inside one of these: never across workspaces or adapters. */
  get scope(): string {
    const { workspace, cacheScope } = this.generation.preparation.context
    return JSON.stringify([workspace, cacheScope, this.adapterKey])
  }
}
