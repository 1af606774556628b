// Runs the package clients (pip, npm) that fetch on our behalf: bounded in time and output, with no secret of ours in their environment.
import { spawn } from 'node:child_process'
import { type Clock, systemClock } from './clock.ts'
import { packageClientEnvironment } from './config.ts'
import type { LedgerEntry } from './egress.ts'
import { fail } from './errors.ts'

/** A client that may be run, and the commands it may be found under, in order. */
const clients = {
  pip: [['pip3'], ['pip'], ['python3', '-m', 'pip'], ['python', '-m', 'pip']],
  npm: [['npm']],
} as const satisfies Record<string, readonly (readonly string[])[]>

/** The name of a package client. */
export type PackageClient = keyof typeof clients

/** How one run is bounded and watched. */
export interface ToolOptions {
  readonly purpose: string
  /** Milliseconds after which the client is ended. */
  readonly timeoutMs: number
  readonly folder?: string
  /** Variables beside those that the client gets anyway. */
  readonly environment?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Called for each line of either output, for progress. */
  readonly onLine?: (line: string) => void
  readonly clock?: Clock
  readonly ledger?: (entry: LedgerEntry) => void
}

/** How a run ended. Outputs hold their last 64 KiB. */
export interface ToolResult {
  readonly exitCode: number
  readonly output: string
  readonly errorOutput: string
}

const keptOutput = 65_536

/** Runs a client; throws `tool_missing` where none is installed and `egress_failed` when it runs past its time. A non-zero exit is returned. */
export async function runTool(
  client: PackageClient,
  commandArguments: readonly string[],
  options: ToolOptions,
): Promise<ToolResult> {
  for (const [command, ...prefix] of clients[client]) {
    const result = await runOnce(command, [...prefix, ...commandArguments], client, options)
    if (result !== 'missing') return result
  }
  throw fail('tool_missing', { tool: client })
}

/** Resolves to `missing` when there is no such command, so that the next one is tried. */
async function runOnce(
  command: string,
  commandArguments: readonly string[],
  client: PackageClient,
  options: ToolOptions,
): Promise<ToolResult | 'missing'> {
  const clock = options.clock ?? systemClock
  const [at, started] = [clock.now(), clock.elapsed()]
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
  const child = spawn(command, commandArguments, {
    cwd: options.folder,
    env: { ...packageClientEnvironment(), ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  })
  const kept = { output: '', errorOutput: '' }
  watch(child.stdout, options.onLine, (text) => (kept.output = (kept.output + text).slice(-keptOutput)))
  watch(child.stderr, options.onLine, (text) => (kept.errorOutput = (kept.errorOutput + text).slice(-keptOutput)))
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve(code ?? 1))
    })
    const elapsedMs = clock.elapsed() - started
    const path = commandArguments.find((argument) => !argument.startsWith('-')) ?? ''
    options.ledger?.({
      at,
      purpose: options.purpose,
      method: 'RUN',
      destination: client,
      path,
      sentBytes: 0,
      status: exitCode,
      elapsedMs,
    })
    return { exitCode, ...kept }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'missing'
    if (options.signal?.aborted === true) throw options.signal.reason
    if (timeout.aborted)
      throw fail('egress_failed', { url: client, reason: `it took longer than ${options.timeoutMs / 1000} s` }, error)
    throw error
  }
}

function watch(
  stream: NodeJS.ReadableStream,
  onLine: ((line: string) => void) | undefined,
  keep: (text: string) => void,
): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    keep(text)
    if (onLine === undefined) return
    // pip redraws its bar with carriage returns.
    const lines = (rest + text).split(/\r\n|\r|\n/)
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  stream.on('end', () => {
    if (rest !== '') onLine?.(rest)
  })
}
