// Turns received bytes into what a progress bar shows: rate and time left. Knows no terminal.

import type { Clock } from '../../base/clock.ts'

/** What a pull is doing. `waiting`: another process pulls the same file. `repairing`: the hash was wrong, and every part is compared. */
export type PullPhase =
  | 'waiting'
  | 'connecting'
  | 'downloading'
  | 'retrying'
  | 'repairing'
  | 'unpacking'
  | 'converting'
  | 'copying'
  | 'verifying'
  | 'done'

/** One report of a pull under way. */
export interface PullProgress {
  readonly phase: PullPhase
  /** Bytes of the current phase so far; while downloading, resumed bytes count. */
  readonly receivedBytes: number
  /** Undefined where the source does not say. */
  readonly totalBytes: number | undefined
  /** Over the last seconds; 0 until there is something to measure. */
  readonly bytesPerSecond: number
  /** Undefined while unknown. */
  readonly secondsLeft: number | undefined
  /** Where the bytes come from, as people know it. */
  readonly source: string
  /** While `retrying`: what went wrong. */
  readonly reason?: string
}

/** Takes notes of one pull. */
export interface ProgressMeter {
  /** Starts a phase at `receivedBytes`; the rate starts anew. */
  phase(phase: PullPhase, source: string, receivedBytes: number, totalBytes: number | undefined, reason?: string): void
  /** A step failed and is tried again, while others may go on: reported once, and the phase goes on. */
  trouble(source: string, reason: string, totalBytes: number | undefined): void
  /** More bytes have arrived. */
  received(receivedBytes: number): void
}

const windowMs = 5_000

/** Reports are sent at most this often within a phase, in milliseconds: people cannot read faster. */
const reportEveryMs = 100

/** A meter that calls `report` at each change of phase and about ten times a second in between. */
export function progressMeter(clock: Clock, report: ((progress: PullProgress) => void) | undefined): ProgressMeter {
  let current: PullProgress = {
    phase: 'connecting',
    receivedBytes: 0,
    totalBytes: undefined,
    bytesPerSecond: 0,
    secondsLeft: undefined,
    source: '',
  }
  let samples: { at: number; bytes: number }[] = []
  let reported = Number.NEGATIVE_INFINITY
  return {
    phase(phase, source, receivedBytes, totalBytes, reason) {
      const at = clock.elapsed()
      samples = [{ at, bytes: receivedBytes }]
      reported = at
      current = { phase, source, receivedBytes, totalBytes, bytesPerSecond: 0, secondsLeft: undefined }
      report?.(reason === undefined ? current : { ...current, reason })
    },
    trouble(source, reason, totalBytes) {
      report?.({ ...current, phase: 'retrying', source, reason, totalBytes: current.totalBytes ?? totalBytes })
    },
    received(receivedBytes) {
      const at = clock.elapsed()
      if (at - reported < reportEveryMs && receivedBytes !== current.totalBytes) return
      reported = at
      samples.push({ at, bytes: receivedBytes })
      while (samples.length > 2 && at - (samples[0]?.at ?? at) > windowMs) samples.shift()
      const first = samples[0] ?? { at, bytes: receivedBytes }
      const bytesPerSecond = at > first.at ? ((receivedBytes - first.bytes) * 1000) / (at - first.at) : 0
      const left = current.totalBytes === undefined ? undefined : current.totalBytes - receivedBytes
      const secondsLeft = left === undefined || bytesPerSecond <= 0 ? undefined : left / bytesPerSecond
      current = { ...current, receivedBytes, bytesPerSecond, secondsLeft }
      report?.(current)
    },
  }
}

/** The meter of one file among several: adds what the files before have brought, and says which one it is. */
export function partMeter(
  meter: ProgressMeter,
  before: number,
  total: number | undefined,
  place: string,
): ProgressMeter {
  let offset = 0
  return {
    phase(phase, source, receivedBytes, totalBytes, reason) {
      // Only the download is one of all files; checks and repairs count for one.
      const all = phase === 'downloading' && total !== undefined
      offset = all ? before : 0
      meter.phase(phase, `${source} (file ${place})`, offset + receivedBytes, all ? total : totalBytes, reason)
    },
    trouble: (source, reason, totalBytes) => meter.trouble(`${source} (file ${place})`, reason, totalBytes),
    received: (receivedBytes) => meter.received(offset + receivedBytes),
  }
}
