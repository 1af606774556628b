// The product as a process that can be shot and started again over the same home, and what a patient client asks of it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { testKey } from '../../support/product.ts'

const launcher = fileURLToPath(new URL('../../../bin/galerne.js', import.meta.url))

/** A server that dies and comes back. */
export interface Mortal {
  /** SIGKILL to the server. */
  kill(): Promise<void>
  start(): Promise<void>
  /** SIGKILL to the process that computes. */
  killEngine(): Promise<void>
  /** A call that goes on until it is answered; the body as JSON. */
  call(path: string, init?: RequestInit): Promise<Record<string, unknown>>
  read(path: string): Promise<string>
  /** Resolves when so many lines of the batch are done, or it has ended. */
  progressed(id: string, lines: number): Promise<void>
  /** The batch when it has ended. */
  ended(id: string): Promise<Record<string, unknown>>
  /** Engines of servers that are gone, some seconds after: there should be none. */
  orphans(): Promise<readonly number[]>
  stop(): Promise<void>
}

/** Starts it. */
export async function startMortal(options: {
  readonly home: string
  readonly port: number
  readonly model: string
  readonly databaseUrl: string
}): Promise<Mortal> {
  const { home, port, model, databaseUrl } = options
  const url = `http://127.0.0.1:${port}`
  const flags = ['--home', home, '--port', String(port), '--api-key', testKey, '--database-url', databaseUrl]
  const args = [
    ...flags,
    '--model',
    `tiny=${model}`,
    '--streams',
    '8',
    '--context-length',
    '256',
    '--log-level',
    'warn',
  ]
  let child: ChildProcess | undefined
  const start = async () => {
    // A database that is away at the start ends the start: whatever keeps servers running tries again, and so do we.
    for (;;) {
      child = spawn(process.execPath, [launcher, 'serve', ...args], { stdio: ['ignore', 'ignore', 'ignore'] })
      const started = child
      const gone = once(started, 'exit')
      for (;;) {
        if (started.exitCode !== null || started.signalCode !== null) break
        const up = await fetch(`${url}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        )
        if (up) return
        await Promise.race([delay(100), gone])
      }
    }
  }
  const patiently = async (path: string, init: RequestInit = {}): Promise<Response> => {
    for (;;) {
      const headers = { authorization: `Bearer ${testKey}`, ...init.headers }
      const answer = await fetch(url + path, { ...init, headers }).catch(() => undefined)
      if (answer?.ok === true) return answer
      if (answer !== undefined && answer.status < 500) throw new Error(`${answer.status}: ${await answer.text()}`)
      await answer?.body?.cancel()
      await delay(100)
    }
  }
  const call = async (path: string, init?: RequestInit) =>
    (await (await patiently(path, init)).json()) as Record<string, unknown>
  const hasEnded = (batch: Record<string, unknown>) => /^(completed|failed|expired)$/.test(String(batch['status']))
  const engines = new Set<number>()
  const end = async (signal: NodeJS.Signals) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    for (const pid of await childrenOf(child.pid ?? 0)) engines.add(pid)
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
  await start()
  return {
    start,
    call,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    async killEngine() {
      for (const pid of await childrenOf(child?.pid ?? 0)) process.kill(pid, 'SIGKILL')
    },
    async orphans() {
      for (let second = 0; second < 120 && (await living(engines)).length > 0; second++) await delay(1_000)
      return await living(engines)
    },
    read: async (path) => await (await patiently(path)).text(),
    async progressed(id, lines) {
      for (;;) {
        const batch = await call(`/v1/batches/${id}`)
        const { completed } = batch['request_counts'] as { completed: number }
        if (completed >= lines || hasEnded(batch)) return
        await delay(50)
      }
    },
    async ended(id) {
      for (;;) {
        const batch = await call(`/v1/batches/${id}`)
        if (hasEnded(batch)) return batch
        await delay(100)
      }
    },
  }
}

/** Process ids of children, from /proc. */
async function childrenOf(parent: number): Promise<readonly number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    // "pid (name) state parent …"; the name may hold spaces and brackets.
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent) found.push(Number(name))
  }
  return found
}

/** Those that still compute for a server that is gone; a process id may long be somebody else's. */
async function living(pids: ReadonlySet<number>): Promise<readonly number[]> {
  const lines = await Promise.all(
    [...pids].map(async (pid) => [pid, await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')] as const),
  )
  return lines.filter(([, line]) => line.includes('engine/child/main')).map(([pid]) => pid)
}
