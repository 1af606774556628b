// An engine process: takes messages from its server, runs the scheduler, and ends with its server. Holds no policy of its own.

import { systemClock } from '../../base/clock.ts'
import { Failure, fail } from '../../base/errors.ts'
import type { EngineMemory, EngineSettings, FromEngine, ToEngine } from '../messages.ts'
import { describeModel, type Engine, startEngine } from './engine.ts'
import { openLibrary } from './library.ts'
import { declareFunctions, type Llama } from './llama.ts'
import { Outbox } from './outbox.ts'
import { Requests } from './requests.ts'

const pulseMs = 1_000

function send(message: FromEngine): void {
  // A server that is gone needs no news; `disconnect` ends this process.
  if (process.connected) process.send?.(message, () => {})
}

let requests: Requests | undefined
let opened: Llama | undefined
/** Told before the weights were loaded. */
let threadLimit: number | undefined

/** The engine's libraries, opened once. */
function libraries(): Llama {
  opened ??= declareFunctions(openLibrary(log))
  return opened
}

function log(level: 'debug' | 'info' | 'warn' | 'error', line: string): void {
  if (level === 'warn' || level === 'error')
    send({ type: 'log', level: isExpected(level, line) ? 'debug' : level, line })
}

async function load(settings: EngineSettings): Promise<void> {
  let shown = -1
  const progress = (fraction: number) => {
    const percent = Math.floor(fraction * 100)
    if (percent !== shown) send({ type: 'loading', fraction })
    shown = percent
  }
  const engine = await startEngine(libraries(), settings, progress)
  requests = new Requests(engine, new Outbox(send), systemClock)
  if (threadLimit !== undefined) requests.limitThreads(threadLimit)
  send({ type: 'ready', card: engine.card, engine: engine.build, memory: memoryOf(engine) })
  setInterval(() => pulse(), pulseMs)
  await requests.run()
}

/** What was allocated, in bytes. */
function memoryOf({ model, context }: Engine): EngineMemory {
  const bytes = (mebibytes: number) => Math.round(mebibytes * 2 ** 20)
  const { kv, state, compute, output } = context.memory
  const buffers = { kv: bytes(kv), state: bytes(state), compute: bytes(compute), output: bytes(output) }
  const { mapped, repacked } = model.buffers
  return { ...buffers, weights: bytes(mapped), repacked: bytes(repacked), resident: process.memoryUsage.rss() }
}

/** The library warns of what was chosen on purpose (no pooling), and calls a decode that we stopped (ggml's status 1) an error. */
function isExpected(level: 'warn' | 'error', line: string): boolean {
  return level === 'warn' || /(failed with error 1|compute status: 1|ret = 2)$/.test(line)
}

async function describe(settings: EngineSettings): Promise<void> {
  const { card, build } = await describeModel(libraries(), settings)
  send({ type: 'ready', card, engine: build })
}

function pulse(): void {
  if (requests === undefined) return
  requests.wake()
  send({ type: 'pulse', load: requests.load })
}

/** The weights cannot be loaded, or the engine failed: the reason is told before the end. */
function end(error: unknown, model: string): void {
  const known = requests === undefined && error instanceof Failure ? error : undefined
  const reason = error instanceof Error ? error.message : String(error)
  const failure = known ?? fail(requests === undefined ? 'model_load_failed' : 'engine_failed', { model, reason })
  const line = error instanceof Error ? (error.stack ?? reason) : reason
  send({ type: 'log', level: 'error', line })
  process.send?.({ type: 'load-failed', failure: failure.toJSON() } satisfies FromEngine, () => process.exit(1))
}

function receive(message: ToEngine): void {
  if (message.type === 'load') {
    const { settings } = message
    load(settings).catch((error: unknown) => end(error, settings.name))
  } else if (message.type === 'describe') {
    const { settings } = message
    describe(settings).catch((error: unknown) => end(error, settings.name))
  } else if (message.type === 'stop') {
    process.exit(0)
  } else if (message.type === 'request') {
    requests?.start(message.id, message.request)
  } else if (message.type === 'remember') {
    send({ type: 'remembered', lines: requests?.remember(message.limit) ?? [] })
  } else if (message.type === 'recall') {
    requests?.recall(message.lines)
  } else if (message.type === 'threads') {
    threadLimit = message.count
    requests?.limitThreads(message.count)
  } else if (message.type === 'cancel') {
    requests?.cancel(message.id)
  } else {
    requests?.setPaused(message.id, message.type === 'pause')
  }
}

process.on('message', (message) => receive(message as ToEngine))
// The server is gone, and nothing here needs an orderly end. `exit` would run the library's, which was seen to wait for ever on a
// thread of its own in the middle of a decode: an engine that nobody owns, holding its memory.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// A terminal sends its signals to the whole group; when to end is the server's decision.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

// A process that was started ahead of time uses the wait; what cannot be opened is told when something is to be loaded.
setImmediate(() => {
  try {
    libraries()
  } catch {
    opened = undefined
  }
})
