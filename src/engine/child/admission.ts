// Gives free streams to waiting sequences: interactive first, batch work off one stream, and never the same prefill twice. Knows no batch.

import type { Clock } from '../../base/clock.ts'
import { commonLength } from './prefix-tree.ts'
import type { Sequence } from './sequence.ts'
import type { Streams } from './streams.ts'

/** Waiting for another's prefill must save at least this many tokens. */
const leastFollow = 4
/** A reader this late loses the stream to whoever waits for one; the line goes on from saved KV when the reader returns. */
const pauseLimitMs = 1_000

/** The line inside the child: only what the server's waiting line admitted. */
export class Admission {
  readonly #streams: Streams
  readonly #clock: Clock
  readonly #total: number
  #waiting: Sequence[] = []
  #displaced = 0
  #cachedTokens = 0

  constructor(streams: Streams, total: number, clock: Clock) {
    this.#streams = streams
    this.#total = total
    this.#clock = clock
  }

  get waiting(): readonly Sequence[] {
    return this.#waiting
  }

  /** Lines that lost their stream so far. */
  get displaced(): number {
    return this.#displaced
  }

  /** Tokens that were found in the cache instead of being computed. */
  get cachedTokens(): number {
    return this.#cachedTokens
  }

  add(sequence: Sequence): void {
    this.#waiting.push(sequence)
  }

  /** Drops all sequences that match. */
  remove(matches: (sequence: Sequence) => boolean): void {
    this.#waiting = this.#waiting.filter((sequence) => !matches(sequence))
  }

  /** Moves sequences from the line to streams. `running` changes in place: admitted ones join, displaced ones leave. */
  admit(running: Sequence[]): void {
    if (this.#waiting.length === 0) return
    const unserved = this.#serve(running)
    if (unserved === 0 || this.#displace(running, unserved) === 0) return
    this.#serve(running)
  }

  /** One pass over the line; how many interactive sequences found no stream. */
  #serve(running: Sequence[]): number {
    let free = this.#streams.free
    let unserved = 0
    for (const sequence of this.#waiting.toSorted(byRank)) {
      if (sequence.generation.paused) continue
      const kept = sequence.interactive || this.#total === 1 ? 0 : 1
      if (free <= kept) {
        if (sequence.interactive) unserved += 1
        continue
      }
      free -= 1
      // A follower keeps its stream free for the moment when the leader's prefix can be copied.
      if (!this.#follows(sequence, running)) this.#start(sequence, running)
    }
    return unserved
  }

  #start(sequence: Sequence, running: Sequence[]): void {
    const { choice } = sequence
    const stream = this.#streams.take(sequence.scope, choice.tokens, !sequence.allRows)
    if (stream === undefined) return
    choice.stream = stream
    this.#cachedTokens += stream.tokens.length
    if (choice.generated === 0 && choice.attempt === 0) choice.cached = stream.tokens.length
    sequence.admittedAt = this.#clock.elapsed()
    this.#waiting = this.#waiting.filter((other) => other !== sequence)
    running.push(sequence)
    sequence.generation.admitted(choice)
  }

  /** Whether somebody is computing a longer part of this prompt right now than the cache has. */
  #follows(sequence: Sequence, running: readonly Sequence[]): boolean {
    if (sequence.allRows) return false
    const { tokens } = sequence.choice
    let known: number | undefined
    for (const leader of running) {
      if (!leader.prefilling || leader.generation.paused || leader.scope !== sequence.scope) continue
      if (sequence.interactive && !leader.interactive) continue
      const common = Math.min(commonLength(leader.choice.tokens, 0, tokens, 0), tokens.length - 1)
      if (common <= (leader.choice.stream?.tokens.length ?? 0)) continue
      known ??= this.#streams.known(sequence.scope, tokens)
      if (common - known >= leastFollow) return true
    }
    return false
  }

  /** Takes streams back from batch work and from readers who are late, the latest started first; how many. */
  #displace(running: Sequence[], wanted: number): number {
    const now = this.#clock.elapsed()
    const late = ({ generation }: Sequence) => generation.paused && now - generation.pausedAt > pauseLimitMs
    const victims = running
      .filter((sequence) => !sequence.interactive || late(sequence))
      .toSorted((one, other) => other.admittedAt - one.admittedAt)
      .slice(0, wanted)
    for (const victim of victims) {
      running.splice(running.indexOf(victim), 1)
      if (victim.choice.stream !== undefined) this.#streams.release(victim.choice.stream)
      victim.choice.stream = undefined
      this.#waiting.push(victim)
      this.#displaced += 1
    }
    return victims.length
  }
}

/** Interactive first; everybody's first choice before anybody's second; then as they came. */
function byRank(one: Sequence, other: Sequence): number {
  return (
    Number(other.interactive) - Number(one.interactive) ||
    one.choice.index - other.choice.index ||
    one.generation.arrivedAt - other.generation.arrivedAt
  )
}
