// A PostgreSQL of its own for proofs that kill it: a new folder, a free port, and a postmaster that can be shot and started again.
import { execFile, execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A running cluster. */
export interface PostgresCluster {
  readonly url: string
  /** SIGKILL to the postmaster; its children end by themselves. */
  kill(): Promise<void>
  /** Starts it again and waits until it takes connections. */
  start(): Promise<void>
  /** Ends it and removes the folder. */
  stop(): Promise<void>
}

/** The folder of PostgreSQL's programs; undefined where it is not installed. */
export function findPostgres(): string | undefined {
  return globSync(['/usr/lib/postgresql/*/bin/initdb', '/opt/homebrew/opt/postgresql*/bin/initdb'])
    .map((path) => dirname(path))
    .sort()
    .at(-1)
}

/** Makes a cluster and starts it. Writes reach the disk as in production: nothing is switched off. */
export async function startCluster(programs: string): Promise<PostgresCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-postgres-'))
  const data = join(folder, 'data')
  const port = await freePort()
  // PostgreSQL refuses to run as root.
  const asRoot = process.getuid?.() === 0
  if (asRoot) {
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
    await chown(folder, id('-u'), id('-g'))
  }
  const run = async (command: string) => {
    const [program, args] = asRoot ? ['su', ['postgres', '-s', '/bin/bash', '-c', command]] : ['bash', ['-c', command]]
    await promisify(execFile)(program as string, args as string[], { cwd: folder })
  }
  await run(`'${programs}/initdb' -D '${data}' -U galerne -A trust >/dev/null`)
  const start = () =>
    run(
      `'${programs}/pg_ctl' -D '${data}' -o '-h 127.0.0.1 -p ${port} -k ${folder}' -l '${folder}/log' -t 60 -w start >/dev/null`,
    )
  await start()
  return {
    url: `postgres://galerne@127.0.0.1:${port}/postgres`,
    async kill() {
      const [pid] = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')
      process.kill(Number(pid), 'SIGKILL')
    },
    async start() {
      // A postmaster waits for the children of a dead one to let go of the shared memory: that takes some attempts.
      for (let attempt = 0; ; attempt++) {
        try {
          return await start()
        } catch (error) {
          if (attempt >= 20) throw error
          await delay(250)
        }
      }
    },
    async stop() {
      await run(`'${programs}/pg_ctl' -D '${data}' -m immediate stop >/dev/null`).catch(() => {})
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('the socket has no port')
  return address.port
}
