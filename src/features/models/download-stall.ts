// Cuts a connection that brings next to nothing: a line that trickles is as dead as one that is silent. Knows no request.

import { SourceError } from './download-source.ts'

/** Fewer bytes than this in the time of a stall are none. */
const leastBytes = 1024

/** A watch over one answer. */
export interface StallWatch {
  /** Aborts when the caller's signal does, or with a `SourceError` when the line has stalled. */
  readonly signal: AbortSignal
  received(bytes: number): void
  end(): void
}

/** Watches an answer: in each `stallMs` it must bring a kibibyte. */
export function watchStall(stallMs: number, signal: AbortSignal | undefined): StallWatch {
  const controller = new AbortController()
  let received = 0
  const timer = setInterval(() => {
    if (received < leastBytes)
      controller.abort(
        new SourceError(`it stalled: a timeout after ${stallMs / 1000} s without bytes`, { final: false }),
      )
    received = 0
  }, stallMs)
  return {
    signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
    received(bytes) {
      received += bytes
    },
    end: () => clearInterval(timer),
  }
}
