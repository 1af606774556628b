// Starts llama.cpp's own server beside us: a `llama-server` on PATH if there is one, else PyPI `xllamacpp`, which carries the same server.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Target } from '../load.ts'

/** What both servers are given alike. */
export interface PeerOptions {
  readonly modelPath: string
  readonly threads: number
  readonly slots: number
  /** Tokens per slot. */
  readonly contextLength: number
}

/** A running peer. */
export interface Peer {
  readonly target: Target
  /** What it says of its build, for the table's foot. */
  readonly description: string
  stop(): Promise<void>
}

const script = fileURLToPath(new URL('./llama_server.py', import.meta.url))
const environment = fileURLToPath(new URL('../../.cache/python/llama-server', import.meta.url))

/** Starts the peer and waits until it answers. Throws when neither binary nor pip is at hand. */
export async function startLlamaServer(options: PeerOptions): Promise<Peer> {
  return spawnSync('llama-server', ['--version']).status === 0 ? startBinary(options) : startFromPackage(options)
}

async function startBinary(options: PeerOptions): Promise<Peer> {
  const port = await freePort()
  const flags = ['--host', '127.0.0.1', '--port', `${port}`, '-m', options.modelPath, '-t', `${options.threads}`]
  flags.push('-np', `${options.slots}`, '-c', `${options.contextLength * options.slots}`, '--no-kv-unified')
  const child = spawn('llama-server', flags, { stdio: ['pipe', 'ignore', 'ignore'] })
  const target = {
    name: 'llama-server',
    url: `http://127.0.0.1:${port}`,
    key: '',
    model: 'default',
    processId: child.pid,
  }
  await untilHealthy(target.url)
  return { target, description: 'llama-server on PATH', stop: () => stopped(child) }
}

async function startFromPackage(options: PeerOptions): Promise<Peer> {
  const python = pythonWithPackage()
  const args = [script, options.modelPath, `${options.threads}`, `${options.slots}`, `${options.contextLength}`, '0']
  const child = spawn(python, args, { stdio: ['pipe', 'pipe', 'ignore'] })
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()))
    child.once('exit', (code) => reject(new Error(`llama-server (xllamacpp) ended with code ${code}`)))
  })
  const { url, system } = JSON.parse(line) as { url: string; system: string }
  const target = { name: 'llama-server', url, key: '', model: 'default', processId: child.pid }
  await untilHealthy(url)
  return { target, description: `PyPI xllamacpp; ${system}`, stop: () => stopped(child) }
}

/** The interpreter of a virtual environment that has `xllamacpp`; made on first use. */
function pythonWithPackage(): string {
  const python = `${environment}/bin/python`
  if (!existsSync(python)) {
    const made = spawnSync('python3', ['-m', 'venv', environment], { encoding: 'utf8' })
    const installed = spawnSync(python, ['-m', 'pip', 'install', '--quiet', 'xllamacpp==2026.10.11549'], {
      encoding: 'utf8',
    })
    if (made.status !== 0 || installed.status !== 0) {
      throw new Error(`llama-server is not here: put one on PATH, or let pip install xllamacpp. ${installed.stderr}`)
    }
  }
  return python
}

async function untilHealthy(url: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const answer = await fetch(`${url}/health`).catch(() => null)
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`${url} did not become healthy within 6 s of polling.`)
}

function stopped(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
    // Its standard input ends too: the package's server has no handler of its own.
    child.stdin?.end()
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
