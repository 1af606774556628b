// Shows how far a pull is: a bar with rate and time left on a terminal, a line at each tenth elsewhere.
import { systemClock } from '../base/clock.ts'
import {
  type ProgressMeter,
  type PullPhase,
  type PullProgress,
  progressMeter,
} from '../features/models/pull-progress.ts'
import { formatBytes, formatSeconds } from './terminal.ts'

/** A running display. */
export interface ProgressDisplay {
  show(progress: PullProgress): void
  /** Shows bytes that are copied, under a few words. */
  copying(what: string): (done: number, total: number) => void
  /** Ends the line on a terminal. */
  end(): void
}

const barWidth = 24
/** Where there is less room, the figures and the end of the label matter more than the bar. */
const roomyColumns = 100

const words: Readonly<Record<PullPhase, string>> = {
  waiting: 'waiting for',
  connecting: 'connecting to',
  downloading: 'from',
  copying: '',
  retrying: 'trying again:',
  repairing: 'the hash was wrong, comparing every part with',
  unpacking: 'unpacking',
  converting: 'converting',
  verifying: 'checking sha256 of',
  done: 'done, from',
}

/** Starts a display on standard error under a label, for example a model's name. */
export function progressDisplay(label: string, stream: NodeJS.WriteStream = process.stderr): ProgressDisplay {
  const onTerminal = stream.isTTY === true
  let spokenPhase = ''
  let spokenTenth = -1
  let drawn = false
  const meters = new Map<string, ProgressMeter>()
  const display: ProgressDisplay = {
    copying: (what) => (done, total) => {
      const meter = meters.get(what) ?? progressMeter(systemClock, display.show)
      if (!meters.has(what)) meter.phase('copying', what, 0, total)
      meters.set(what, meter)
      meter.received(done)
    },
    show(progress) {
      if (onTerminal) {
        const room = stream.columns > 1 ? stream.columns - 1 : Number.POSITIVE_INFINITY
        stream.write(`\r\u001b[K${line(label, progress, room).slice(0, room)}`)
        drawn = true
        return
      }
      const phase = `${progress.phase} ${progress.source} ${progress.reason ?? ''}`
      const tenth = Math.floor(10 * share(progress))
      if (phase === spokenPhase && (tenth <= spokenTenth || progress.phase !== 'downloading')) return
      spokenPhase = phase
      spokenTenth = tenth
      stream.write(`${line(label, progress)}\n`)
    },
    end() {
      if (drawn) stream.write('\n')
      drawn = false
    },
  }
  return display
}

function share({ receivedBytes, totalBytes }: PullProgress): number {
  return totalBytes === undefined || totalBytes === 0 ? 0 : Math.min(1, receivedBytes / totalBytes)
}

/** One line; of a label that leaves no room for the figures only the end is kept: that is the file's name. */
function line(label: string, progress: PullProgress, room: number = Number.POSITIVE_INFINITY): string {
  const { phase, source, receivedBytes, totalBytes, bytesPerSecond, secondsLeft, reason } = progress
  const what = `${words[phase]} ${reason === undefined ? source : `${source}: ${reason}`}`
  if (phase === 'waiting' || phase === 'connecting' || phase === 'retrying')
    return `${shortened(label, Math.floor(room / 3))}  ${what}`
  const speed = bytesPerSecond > 0 ? `  ${formatBytes(bytesPerSecond)}/s` : ''
  if (totalBytes === undefined)
    return `${shortened(label, Math.floor(room / 2))}  ${formatBytes(receivedBytes)}${speed}  ${what}`
  const width = room < roomyColumns ? barWidth / 2 : barWidth
  const filled = Math.round(share(progress) * width)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`
  const left = secondsLeft === undefined || secondsLeft <= 0 ? '' : `  ${formatSeconds(secondsLeft)} left`
  const percent = `${Math.floor(share(progress) * 100)}%`.padStart(4)
  const figures = `${bar}${percent}  ${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}${speed}${left}`
  return `${shortened(label, room - figures.length - 1)} ${figures}  ${what}`
}

function shortened(label: string, room: number): string {
  return label.length <= room ? label : `…${label.slice(label.length - Math.max(0, room - 1))}`
}
