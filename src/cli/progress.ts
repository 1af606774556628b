// Shows how far a download is, its rate and the time left: a bar on a terminal, a line every tenth elsewhere.
import type { Clock } from '../base/clock.ts'
import { formatBytes, formatSeconds } from './terminal.ts'

/** A running display. `total` is null while unknown. */
export interface Progress {
  update(received: number, total: number | null): void
  /** Ends the line on a terminal. */
  end(): void
}

const barWidth = 24
const redrawMs = 100
/** The rate is taken over this window, so that it follows a slowing line without flickering. */
const rateWindowMs = 5_000

/** Starts a display on standard error under a label, for example a model's name. */
export function showProgress(label: string, clock: Clock, stream: NodeJS.WriteStream = process.stderr): Progress {
  const samples: { readonly at: number; readonly received: number }[] = []
  let drawnAt = Number.NEGATIVE_INFINITY
  let nextTenth = 0
  return {
    update(received, total) {
      const at = clock.elapsed()
      samples.push({ at, received })
      while (samples.length > 2 && at - (samples[0]?.at ?? at) > rateWindowMs) samples.shift()
      const done = total !== null && received >= total
      if (stream.isTTY === true) {
        if (at - drawnAt < redrawMs && !done) return
        drawnAt = at
        stream.write(`\r\u001b[K${line(label, received, total, rate(samples))}`)
      } else if (total !== null && received >= (nextTenth * total) / 10) {
        nextTenth = Math.floor((received / total) * 10) + 1
        stream.write(`${line(label, received, total, rate(samples))}\n`)
      }
    },
    end() {
      if (stream.isTTY === true && samples.length > 0) stream.write('\n')
    },
  }
}

/** Bytes a second over the window; 0 while there is only one sample. */
function rate(samples: readonly { readonly at: number; readonly received: number }[]): number {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || last.at <= first.at) return 0
  return ((last.received - first.received) / (last.at - first.at)) * 1000
}

function line(label: string, received: number, total: number | null, bytesPerSecond: number): string {
  const speed = bytesPerSecond > 0 ? `  ${formatBytes(bytesPerSecond)}/s` : ''
  if (total === null || total === 0) return `${label}  ${formatBytes(received)}${speed}`
  const share = Math.min(1, received / total)
  const filled = Math.round(share * barWidth)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`
  const left = bytesPerSecond > 0 && share < 1 ? `  ${formatSeconds((total - received) / bytesPerSecond)} left` : ''
  const percent = `${Math.floor(share * 100)}%`.padStart(4)
  return `${label} ${bar}${percent}  ${formatBytes(received)} of ${formatBytes(total)}${speed}${left}`
}
