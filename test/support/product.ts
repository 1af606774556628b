// Starts the real product as a user would, in a process of its own, and stops it again.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ownLauncher = fileURLToPath(new URL('../../bin/galerne.js', import.meta.url))

/** A key for scripted starts: long enough for the server's rule of 32 characters. */
export const testKey = 'gal_test_0123456789abcdef0123456789abcdef'

/** A running server: its address without a path, its key, its process. */
export interface RunningProduct {
  readonly url: string
  readonly key: string
  readonly home: string
  readonly process: ChildProcess
  /** Everything printed so far, both streams. */
  output(): string
  /** SIGTERM, then waits; resolves to the exit code. */
  stop(): Promise<number | null>
}

/**
 * Runs `galerne serve` on an ephemeral port with a fresh home and waits until it says where it listens.
 * `flags` are appended as they are, for example `['--model', path, '--streams', '8']`; `launcher` is the command's file where it is not this checkout's.
 * Throws with the server's own output when it exits first.
 */
export async function startProduct(
  flags: readonly string[],
  environment: Record<string, string> = {},
  launcher: string = ownLauncher,
): Promise<RunningProduct> {
  const home = await mkdtemp(join(tmpdir(), 'galerne-test-'))
  const args = [launcher, 'serve', '--port', '0', '--home', home, '--api-key', testKey, ...flags]
  const child = spawn(process.execPath, args, {
    // Nothing that others pulled, and nothing of ours left among it.
    env: { ...process.env, HF_HUB_CACHE: join(home, 'hub'), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  const exited = once(child, 'exit')
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      printed += chunk.toString()
      const address = /https?:\/\/127\.0\.0\.1:\d+/.exec(printed)
      if (address) resolve(address[0])
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', (code) =>
      reject(new Error(`The server ended with code ${code} before it listened:\n${printed}`)),
    )
  })
  return {
    url,
    key: testKey,
    home,
    process: child,
    output: () => printed,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      const [code] = (await exited) as [number | null]
      await rm(home, { recursive: true, force: true })
      return code
    },
  }
}
