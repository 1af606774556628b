// Keeps the KV of streams that had to make room, in host memory up to a limit, the least recently used forgotten first. Knows bytes, not tokens.

import type { SpilledLine } from '../messages.ts'

export type { SpilledLine } from '../messages.ts'

/** States by line, in the order of use. */
export class SpillStore {
  readonly #limit: number
  /** Told of every line that is forgotten to make room. */
  readonly #forgotten: (line: SpilledLine) => void
  readonly #lines = new Set<SpilledLine>()
  #bytes = 0

  constructor(limit: number, forgotten: (line: SpilledLine) => void) {
    this.#limit = limit
    this.#forgotten = forgotten
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes
  }

  /** All lines, the least recently used first. */
  get lines(): readonly SpilledLine[] {
    return [...this.#lines]
  }

  /** Whether a state of so many bytes could be kept at all. */
  fits(bytes: number): boolean {
    return bytes <= this.#limit
  }

  put(line: SpilledLine): void {
    this.#lines.add(line)
    this.#bytes += line.state.length
    for (const oldest of this.#lines) {
      if (this.#bytes <= this.#limit) return
      this.remove(oldest)
      this.#forgotten(oldest)
    }
  }

  /** Marks a line as just used. */
  touch(line: SpilledLine): void {
    if (this.#lines.delete(line)) this.#lines.add(line)
  }

  remove(line: SpilledLine): void {
    if (this.#lines.delete(line)) this.#bytes -= line.state.length
  }
}
