// Who holds which stream, what each stream's KV contains, and where a new prompt's longest known beginning can be taken from.
// Knows no request: a stream is taken for tokens and given back.

import type { Clock } from '../../base/clock.ts'
import type { Context } from './context.ts'
import { type DiskLine, DiskStore, type DiskStoreOptions } from './disk-store.ts'
import { groupsOf, joiningMove } from './neighbours.ts'
import { PrefixTree } from './prefix-tree.ts'
import { type SpilledLine, SpillStore } from './spill.ts'

/** Reusing fewer tokens than this is not worth a copy. */
const leastReuse = 4
/** Streams with fewer tokens than this are prefilled again rather than kept. */
const leastSpill = 32

/** One of the context's sequences. Ended streams keep their KV until another request needs the place. */
export interface Stream {
  readonly id: number
  /** Tokens whose KV it holds, position by position. Read-only outside this file. */
  readonly tokens: number[]
  scope: string
  taken: boolean
  usedAt: number
}

/** What work costs on this machine now, milliseconds: what a move or a copy is weighed against. */
export interface WorkCosts {
  /** Computing so many tokens again. */
  prefill(tokens: number): number
  /** One step of the sequences that run. */
  step(): number
}

/** A move to a neighbouring stream may cost so many steps: it saves about a tenth of each step that follows. */
const stepsPerMove = 2

/** Milliseconds a byte that reading a state from a file is taken to cost: 2 ms a MiB. */
const diskMs = 2 / 2 ** 20

/** Milliseconds a byte for one way until it was measured: 1 ms a MiB. */
const guessedMoveMs = 1 / 2 ** 20

/** Files for displaced lines, and what their states fit. */
export type StreamDisk = Pick<DiskStoreOptions, 'folder' | 'bytes' | 'keepMs' | 'identity'>

/** The table of streams with its prefix cache. Not to be called while a decode runs. */
export class Streams {
  readonly #context: Context
  readonly #clock: Clock
  readonly #costs: WorkCosts
  readonly #streams: readonly Stream[]
  readonly #tree = new PrefixTree<Stream | SpilledLine | DiskLine>()
  readonly #spill: SpillStore
  readonly #disk: DiskStore | undefined
  /** Targets of copies that may run only with the next decode: their bytes are not there yet. */
  readonly #moving = new Set<Stream>()
  /** Sources and targets of such copies: their state can be neither saved nor replaced before that. */
  readonly #locked = new Set<Stream>()
  /** Measured at the last save. */
  #bytesPerToken = 0
  /** Milliseconds a byte for one way, smoothed over saves. */
  #moveMs = guessedMoveMs

  constructor(context: Context, clock: Clock, spillBytes: number, costs: WorkCosts, disk?: StreamDisk) {
    this.#context = context
    this.#clock = clock
    this.#costs = costs
    this.#spill = new SpillStore(spillBytes, (line) => this.#tree.remove(line))
    this.#streams = Array.from({ length: context.streams }, (_, id) => {
      return { id, tokens: [], scope: '', taken: false, usedAt: 0 }
    })
    for (const stream of this.#streams) this.#tree.add(stream, '')
    const kept = (line: DiskLine) => this.#enter(line)
    this.#disk = disk && new DiskStore({ ...disk, clock, kept, forgotten: (line) => this.#tree.remove(line) })
  }

  /** Streams that nobody holds. */
  get free(): number {
    return this.#streams.reduce((count, stream) => count + (stream.taken ? 0 : 1), 0)
  }

  get spilledBytes(): number {
    return this.#spill.bytes
  }

  /** Fraction of all cells that held streams use, 0–1. */
  get use(): number {
    const cells = this.#streams.reduce((sum, stream) => sum + (stream.taken ? stream.tokens.length : 0), 0)
    return cells / (this.#context.streams * this.#context.contextLength)
  }

  /**
   * Takes a free stream for `tokens` and puts the longest known beginning into it, at most all but the last token, because one must be
   * decoded to get logits. Undefined when no stream is free. `reuse` false: starts from nothing (prompt log-probabilities need every row).
   */
  take(scope: string, tokens: readonly number[], reuse: boolean): Stream | undefined {
    const free = this.#streams.filter((stream) => !stream.taken)
    if (free.length === 0) return undefined
    const stream = (reuse ? this.#reuse(scope, tokens, free) : undefined) ?? this.#fresh(scope, free)
    if (stream === undefined) return undefined
    stream.taken = true
    stream.usedAt = this.#clock.elapsed()
    return stream
  }

  /** How many tokens `take` would find now. */
  known(scope: string, tokens: readonly number[]): number {
    for (const { holder, length } of this.#tree.matches(scope, tokens)) {
      const kept = Math.min(length, tokens.length - 1)
      if (this.#keeps(holder, kept)) return kept
    }
    return 0
  }

  /** Notes that `tokens` were decoded into the stream. */
  append(stream: Stream, tokens: readonly number[]): void {
    for (const token of tokens) stream.tokens.push(token)
    this.#tree.extend(stream, tokens)
  }

  /** Keeps the first `length` tokens; false when the engine cannot, and the stream is then empty. */
  trim(stream: Stream, length: number): boolean {
    if (length >= stream.tokens.length && this.#context.lastPosition(stream.id) === length - 1) return true
    const kept = this.#context.trim(stream.id, length)
    this.#settle(stream, stream.scope, stream.tokens.slice(0, kept ? length : 0))
    return kept
  }

  /** Gives the stream back. Its KV stays for whoever shares its beginning. */
  release(stream: Stream): void {
    stream.taken = false
    stream.usedAt = this.#clock.elapsed()
  }

  /**
   * Moves the line of one of `movable` to a free stream where that joins two groups of neighbours, which then share a pass over the weights.
   * The stream that was left keeps its KV, free to be used; undefined when nothing is gained.
   */
  gather(movable: readonly Stream[]): { readonly from: Stream; readonly to: Stream } | undefined {
    const ids = (streams: readonly Stream[]) => streams.filter((one) => !this.#locked.has(one)).map((one) => one.id)
    const free = this.#streams.filter((stream) => !stream.taken)
    if (!this.#split || free.length === 0) return undefined
    const move = joiningMove(this.#taken, ids(movable), ids(free))
    const from = this.#streams[move?.from ?? -1]
    const to = this.#streams[move?.to ?? -1]
    if (from === undefined || to === undefined || !this.#worthMoving(from)) return undefined
    if (to.tokens.length > 0 && !this.#tree.covered(to)) this.#save(to)
    if (!this.#copy(from, to, from.tokens.length)) return this.#emptied(to)
    this.#settle(to, from.scope, from.tokens.slice())
    to.taken = true
    this.release(from)
    return { from, to }
  }

  /** To be called after each decode: queued copies have run. */
  decoded(): void {
    this.#moving.clear()
    this.#locked.clear()
  }

  /**
   * What the streams know, the last used first, within `limit` bytes: for the process that loads this model next. Nobody may be at work,
   * and a queued copy must have run.
   */
  remember(limit: number): readonly SpilledLine[] {
    const lines: SpilledLine[] = []
    let bytes = 0
    const keep = (line: SpilledLine) => {
      if (line.state.length === 0 || bytes + line.state.length > limit) return
      bytes += line.state.length
      lines.push(line)
    }
    const worth = (stream: Stream) =>
      stream.tokens.length >= leastSpill && !this.#locked.has(stream) && !this.#tree.covered(stream)
    for (const stream of this.#streams.filter(worth).toSorted((one, other) => other.usedAt - one.usedAt)) {
      if (stream.tokens.length * this.#bytesPerToken > limit - bytes) continue
      keep({ scope: stream.scope, tokens: stream.tokens.slice(), state: this.#context.saveState(stream.id) })
    }
    for (const line of this.#spill.lines.toReversed()) keep(line)
    return lines
  }

  /** Takes what an earlier process of the same model and context remembered; the last one is forgotten first. */
  recall(lines: readonly SpilledLine[]): void {
    for (const line of lines.toReversed()) if (this.#spill.fits(line.state.length)) this.#addLine(line)
  }

  #settle(stream: Stream, scope: string, tokens: readonly number[]): void {
    this.#tree.remove(stream)
    this.#tree.add(stream, scope)
    stream.scope = scope
    stream.tokens.length = 0
    this.append(stream, tokens)
  }

  /** Takes an empty stream for work that is no generation; undefined when none is free. */
  borrow(): Stream | undefined {
    const stream = this.#fresh(
      '',
      this.#streams.filter((one) => !one.taken),
    )
    if (stream !== undefined) stream.taken = true
    return stream
  }

  #fresh(scope: string, free: readonly Stream[]): Stream | undefined {
    const stream = this.#makeRoom(free)
    if (stream === undefined) return undefined
    this.#context.clear(stream.id)
    this.#settle(stream, scope, [])
    return stream
  }

  #reuse(scope: string, tokens: readonly number[], free: readonly Stream[]): Stream | undefined {
    const matches = [...this.#tree.matches(scope, tokens)]
      .map((match) => ({ ...match, length: Math.min(match.length, tokens.length - 1) }))
      .filter((match) => match.length >= leastReuse && this.#keeps(match.holder, match.length))
    const best = matches[0]?.length ?? 0
    const longest = matches
      .filter((match) => match.length === best)
      .map((match) => match.holder)
      // Files last.
      .toSorted((one, other) => Number('path' in one) - Number('path' in other))
    const own = longest.find((holder) => 'id' in holder && this.#inPlace(holder, best, free))
    const running = longest.find((holder) => 'id' in holder && !this.#moving.has(holder))
    for (const holder of [own, running, ...longest]) {
      if (holder === undefined) continue
      const stream =
        'id' in holder ? this.#adopt(holder, best, holder === own, free) : this.#restore(holder, best, free)
      if (stream === undefined) continue
      this.#settle(stream, scope, tokens.slice(0, best))
      return stream
    }
    return undefined
  }

  /** A free stream is taken over itself when it lies well and little beyond the shared part is lost, or when there is no other place. */
  #inPlace(holder: Stream, length: number, free: readonly Stream[]): boolean {
    if (holder.taken) return false
    if (free.length === 1) return true
    const lost = holder.tokens.length - length
    if (lost > Math.max(16, length * 0.1)) return false
    const best = Math.min(...free.map((stream) => this.#groups(stream)))
    return this.#groups(holder) <= best || !this.#worthMoving(holder)
  }

  get #split(): boolean {
    return this.#context.options.layout === 'split'
  }

  get #taken(): number[] {
    return this.#streams.filter((stream) => stream.taken).map((stream) => stream.id)
  }

  /** Groups of neighbours once this stream is taken too; a unified pool computes everybody together. */
  #groups(stream: Stream): number {
    return this.#split ? groupsOf([...this.#taken, stream.id]) : 1
  }

  #worthMoving(source: Stream): boolean {
    return this.#context.copyMs(source.id) <= this.#costs.step() * stepsPerMove
  }

  #adopt(holder: Stream, length: number, inPlace: boolean, free: readonly Stream[]): Stream | undefined {
    if (this.#moving.has(holder)) return undefined
    if (!inPlace && this.#context.copyMs(holder.id) > this.#costs.prefill(length)) return undefined
    const target = inPlace ? holder : this.#makeRoom(free.filter((stream) => stream !== holder))
    if (target === undefined) return undefined
    if (inPlace && holder.tokens.length - length >= leastSpill && !this.#tree.covered(holder)) this.#save(holder)
    return this.#copy(holder, target, length) ? target : this.#emptied(target)
  }

  #copy(source: Stream, target: Stream, length: number): boolean {
    if (source !== target) {
      this.#moving.add(target)
      this.#locked.add(source).add(target)
    }
    return this.#context.copyPrefix(source.id, target.id, length)
  }

  #restore(line: SpilledLine | DiskLine, length: number, free: readonly Stream[]): Stream | undefined {
    const state = 'state' in line ? line.state : this.#load(line, length)
    if (state === undefined) return undefined
    const target = this.#makeRoom(free.filter((stream) => !this.#locked.has(stream)))
    if (target === undefined) return undefined
    if (!this.#context.restoreState(target.id, state)) return this.#emptied(target)
    if (!this.#context.trim(target.id, length)) return this.#emptied(target)
    if (!('state' in line)) return target
    this.#spill.touch(line)
    if (length === line.tokens.length) {
      this.#spill.remove(line)
      this.#tree.remove(line)
    }
    return target
  }

  /** A state from its file, where reading it is cheaper than computing the tokens again. */
  #load(line: DiskLine, length: number): Buffer | undefined {
    if (line.bytes * diskMs >= this.#costs.prefill(length)) return undefined
    return this.#disk?.read(line)
  }

  #enter(line: SpilledLine | DiskLine): void {
    this.#tree.add(line, line.scope)
    this.#tree.extend(line, line.tokens)
  }

  /** A failed move leaves its target empty. */
  #emptied(target: Stream): undefined {
    this.#settle(target, '', [])
  }

  /** Whether the first `length` tokens of a holder are still there to be used: see `engine-ffi` §1 and §2 on windows and recurrent state. */
  #keeps(holder: Stream | SpilledLine | DiskLine, length: number): boolean {
    if (length === holder.tokens.length) return true
    const { recurrent, hybrid, slidingWindow } = this.#context.model
    if (recurrent || hybrid) return false
    if (slidingWindow === 0 || this.#context.options.fullWindow === true) return true
    return 'id' in holder && this.#context.firstPosition(holder.id) <= Math.max(0, length - slidingWindow)
  }

  /** Chooses the free stream that lies best beside those at work, among equals the one whose content is missed least, and saves the content where that pays. */
  #makeRoom(free: readonly Stream[]): Stream | undefined {
    const rank = (stream: Stream): number => (stream.tokens.length === 0 ? 0 : this.#tree.covered(stream) ? 1 : 2)
    const [victim] = free.toSorted(
      (one, other) => this.#groups(one) - this.#groups(other) || rank(one) - rank(other) || one.usedAt - other.usedAt,
    )
    if (victim !== undefined && rank(victim) === 2) this.#save(victim)
    return victim
  }

  #save(stream: Stream): void {
    const { length } = stream.tokens
    if (length < leastSpill || this.#locked.has(stream)) return
    const bytes = length * this.#bytesPerToken
    if (!this.#spill.fits(Math.max(1, bytes)) || 2 * bytes * this.#moveMs >= this.#costs.prefill(length)) return
    const begun = this.#clock.elapsed()
    const state = this.#context.saveState(stream.id)
    if (state.length === 0) return
    this.#moveMs = this.#moveMs * 0.7 + ((this.#clock.elapsed() - begun) / state.length) * 0.3
    this.#bytesPerToken = state.length / length
    if (!this.#spill.fits(state.length)) return
    this.#addLine({ scope: stream.scope, tokens: stream.tokens.slice(), state })
  }

  #addLine(line: SpilledLine): void {
    this.#enter(line)
    this.#spill.put(line)
    this.#disk?.put(line)
  }
}
