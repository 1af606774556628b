// A PostgreSQL of the test's own, to be killed, stopped and started again. Knows no table.

import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const script = join(import.meta.dirname, '../../scripts/start-postgres.sh')
const run = promisify(execFile)

/** The running server. */
export interface OwnPostgres {
  readonly url: string
  /** SIGKILL to every one of its processes at once, as when the machine runs out of memory. */
  kill(): Promise<void>
  /** Holds every one of its processes still, as when the network is cut in silence: connections stay open, nothing answers. */
  hold(): Promise<void>
  /** Lets them go on after `hold`. */
  resume(): Promise<void>
  /** Starts it again after `kill`; resolves when it takes connections. */
  restart(): Promise<void>
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

/** Why a test that kills PostgreSQL is skipped here; false where it can run. */
export const withoutOwnPostgres: string | false =
  (process.platform !== 'linux' && 'finds the processes of PostgreSQL through /proc') ||
  (globSync('/usr/lib/postgresql/*/bin/initdb').length === 0 && 'PostgreSQL is not installed')

/** Starts one whose commits wait for the disk. Throws where PostgreSQL is not installed. */
export async function startPostgres(): Promise<OwnPostgres> {
  const { stdout } = await run('bash', [script, '--durable'])
  const [url = '', stop = '', start = '', pidFile = ''] = stdout.split('\n')
  let held: readonly number[] = []
  const hold = async () => {
    const postmaster = Number((await readFile(pidFile, 'utf8')).split('\n', 1)[0])
    // The parent first, so that it makes no further process while the others are listed.
    process.kill(postmaster, 'SIGSTOP')
    held = [postmaster, ...(await childrenOf(postmaster))]
    for (const pid of held) signal(pid, 'SIGSTOP')
    return held
  }
  return {
    url,
    async hold() {
      await hold()
    },
    async resume() {
      for (const pid of held) signal(pid, 'SIGCONT')
    },
    async kill() {
      const processes = await hold()
      for (const pid of processes) signal(pid, 'SIGKILL')
      // Until its exit code is taken, the next PostgreSQL would take the dead one for a living one.
      while (processes.some(isThere)) await delay(5)
    },
    async restart() {
      await run('bash', ['-c', start])
    },
    async stop() {
      for (const pid of held) signal(pid, 'SIGCONT')
      await run('bash', ['-c', stop]).catch(() => {})
    },
  }
}

async function childrenOf(parent: number): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const parents = await Promise.all(
    pids.map(async (pid) => /\) \S (\d+)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))?.[1]),
  )
  return pids.filter((_, index) => Number(parents[index]) === parent).map(Number)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended by itself.
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
