// What the ways to get a file have in common: what they are handed, and how they say that they failed.

import type { Egress } from '../../base/egress.ts'
import type { ProgressMeter } from './pull-progress.ts'

/** Why one source could not give the file. `final`: asking it again now is useless. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly final: boolean
  /** Milliseconds the source asked to wait for. */
  readonly retryAfterMs: number | undefined

  constructor(reason: string, options: { final: boolean; retryAfterMs?: number | undefined; cause?: unknown }) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause })
    this.final = options.final
    this.retryAfterMs = options.retryAfterMs
  }
}

/** How long to wait and how often to try. */
export interface Patience {
  /** Attempts in a row that bring no byte before a source is given up. */
  readonly attempts: number
  /** Wait before the second attempt, in milliseconds; doubled each time. */
  readonly backoffMs: number
  /** Milliseconds without a byte after which a connection is cut and taken up anew. */
  readonly stallMs: number
}

/** Ollama restarts a part after 30 s without a byte and tries six times; people know it so. */
export const usualPatience: Patience = { attempts: 6, backoffMs: 1_000, stallMs: 30_000 }

/** What every source is handed. */
export interface SourceContext {
  readonly egress: Egress
  readonly meter: ProgressMeter
  readonly patience: Patience
  /** Addresses on private networks may be asked: the operator said so. */
  readonly allowPrivate: boolean
  /** True for the last source: then it is worth asking again where no connection came about. */
  readonly last: boolean
  readonly signal?: AbortSignal
}

/** What the file must be, as far as is known before it arrives. */
export interface Expected {
  readonly bytes?: number | undefined
  readonly sha256?: string | undefined
}
