// What commands that work on the database without a server have alike: which one it is, one at a time, how far they are. Knows no command.
import type { Config } from '../base/config.ts'
import { databaseFile, databaseLockFile, makeHome } from '../base/home.ts'
import { withFileLock } from '../database/file-lock.ts'
import type { LoadProgress } from '../database/load.ts'
import { formatSeconds, remark } from './terminal.ts'

/** The settings that say which database. */
export const databaseSettings = ['home', 'database-url'] as const

/** The database of the settings. */
export function databaseUrl({ databaseUrl, home }: Config): string {
  return databaseUrl ?? `sqlite:${databaseFile(home)}`
}

/** Runs the action while no other such command works in this home. */
export async function alone<Result>({ home }: Config, action: () => Promise<Result>): Promise<Result> {
  await makeHome(home)
  const onWait = () => remark(`Another command works on the database of ${home}: waiting for it.`)
  return await withFileLock(databaseLockFile(home), action, { onWait })
}

const words: Readonly<Record<LoadProgress['phase'], string>> = {
  reading: 'reading',
  writing: 'writing',
  verifying: 'verifying',
}

/** Shows how far it is on standard error: one line that moves on a terminal, a line at each tenth elsewhere. `elapsed` is in milliseconds. */
export function rowProgress(
  elapsed: () => number,
  stream: NodeJS.WriteStream = process.stderr,
): (progress: LoadProgress) => void {
  const onTerminal = stream.isTTY === true
  let phase: LoadProgress['phase'] | undefined
  let since = 0
  let spoken = -1
  return (progress) => {
    if (phase !== progress.phase) {
      phase = progress.phase
      since = elapsed()
      spoken = -1
    }
    const { rows, totalRows } = progress
    const done = rows >= totalRows
    const part = onTerminal ? elapsed() - since : Math.floor((10 * rows) / Math.max(1, totalRows))
    // A terminal is drawn five times a second.
    if (!done && (onTerminal ? part < spoken + 200 : part <= spoken)) return
    spoken = part
    const text = line(progress, (elapsed() - since) / 1000)
    stream.write(onTerminal ? `\r\u001b[K${text}${done ? '\n' : ''}` : `${text}\n`)
  }
}

function line({ phase, rows, totalRows }: LoadProgress, seconds: number): string {
  const percent = totalRows === 0 ? 100 : Math.floor((100 * rows) / totalRows)
  const perSecond = seconds > 0 ? rows / seconds : 0
  const left = perSecond > 0 && rows < totalRows ? `  ${formatSeconds((totalRows - rows) / perSecond)} left` : ''
  return `${words[phase]} ${String(percent).padStart(3)}%  ${rows} of ${totalRows} rows  ${Math.round(perSecond)} rows/s${left}`
}
