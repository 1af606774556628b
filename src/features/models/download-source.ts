// What the ways to get a file have in common: what they are handed, and how they say that they failed.

import type { Egress } from '../../base/egress.ts'
import type { ProgressMeter } from './pull-progress.ts'

/** Why one source could not give the file. `final`: asking it again now is useless. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly final: boolean
  /** Milliseconds the source asked to wait for. */
  readonly retryAfterMs: number | undefined
  /** It was the source that said so, not the network on the way. */
  readonly answered: boolean

  constructor(
    reason: string,
    options: { final: boolean; retryAfterMs?: number | undefined; answered?: boolean; cause?: unknown },
  ) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause })
    this.final = options.final
    this.retryAfterMs = options.retryAfterMs
    this.answered = options.answered === true
  }
}

/** Where a file's bytes are now. Such an address may run out: it is asked for anew when it fails. */
export interface Located {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: number | undefined
  readonly sha256: string | undefined
  /** The address carries a signature that runs out. */
  readonly signed: boolean
  /** Says whether the bytes are still the same, where no hash is known. */
  readonly etag?: string | undefined
  /** Commit of the repository. */
  readonly commit?: string | undefined
}

/** One file to fetch. */
export interface Download {
  /** How people know the source. */
  readonly label: string
  readonly locate: () => Promise<Located>
  /** File that grows; beside it `<partial>.json` tells whose bytes it holds, and which. */
  readonly partial: string
  readonly expected: Expected
  readonly context: SourceContext
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
  /** Connections that one file is fetched over. */
  readonly connections: number
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
  /** It is a file beside weights, of any format: the others begin as GGUF files do. */
  readonly anyFormat?: boolean
}

/** A source whose facts contradict what is known is refused before its first byte. */
export function requireSame(located: Located, expected: Expected): void {
  if (expected.sha256 !== undefined && located.sha256 !== undefined && located.sha256 !== expected.sha256) {
    throw new SourceError(`its file has sha256 ${located.sha256} and should have ${expected.sha256}`, { final: true })
  }
  if (expected.bytes !== undefined && located.bytes !== undefined && located.bytes !== expected.bytes) {
    throw new SourceError(`its file has ${located.bytes} bytes and should have ${expected.bytes}`, { final: true })
  }
}

/** Gives the first answer once more before asking again: a hub counts how often it is asked. */
export function askingAgain(located: Located, locate: () => Promise<Located>): () => Promise<Located> {
  let first: Located | undefined = located
  return async () => {
    const answer = first ?? (await locate())
    first = undefined
    return answer
  }
}
