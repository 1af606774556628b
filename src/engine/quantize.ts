// Quantises a file of weights in a process of its own, which a fault of the library or the user's Ctrl-C ends without harm to anything else.

import { type ChildProcess, fork } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { fail, reviveFailure } from '../base/errors.ts'
import { programFile } from '../base/program-files.ts'
import type { EngineFailure } from './messages.ts'

/** What the other process is told. */
export interface QuantizeTask {
  /** A GGUF file, the first one of several. Its header has passed `readHeader`. */
  readonly input: string
  /** The file to make; one that is there is overwritten. */
  readonly output: string
  /** llama.h's number of the quantisation. */
  readonly type: number
  readonly threads: number
  /** Without it weights that are quantised already are refused. */
  readonly allowRequantize: boolean
  /** File with an importance matrix, as llama-imatrix writes it: GGUF, or its older form. */
  readonly importance?: string | undefined
}

/** Parent → child. */
export type ToQuantizer = { readonly type: 'quantize'; readonly task: QuantizeTask } | { readonly type: 'go' }

/** Child → parent. */
export type FromQuantizer =
  /** Bytes of all tensors as they will be; `go` is awaited. */
  | { readonly type: 'size'; readonly bytes: number }
  /** Bytes of source tensors that are done. */
  | { readonly type: 'progress'; readonly bytes: number }
  | ({ readonly type: 'done' } & Quantized)
  | { readonly type: 'failed'; readonly failure: EngineFailure }

/** What is known after it went well. */
export interface Quantized {
  /** Tensors whose rows are no whole blocks of the wanted type, so that they have the next larger one. */
  readonly fallbacks: number
}

/** What may be watched and stopped. */
export interface QuantizeOptions {
  /** For messages. */
  readonly model: string
  /** Called once before anything is written; what it throws ends the work. */
  readonly onSize: (bytes: number) => Promise<void>
  /** Bytes of source tensors that are done. */
  readonly onProgress?: ((bytes: number) => void) | undefined
  /** Aborting ends the other process; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** The whole environment of the other process. */
  readonly environment: Readonly<Record<string, string>>
}

/** Makes the file. Whatever goes wrong, no part of it stays. @throws Failure `quantization_failed`, or what `onSize` throws */
export async function quantizeFile(task: QuantizeTask, options: QuantizeOptions): Promise<Quantized> {
  options.signal?.throwIfAborted()
  const child = fork(programFile('engine/child/quantize'), [], {
    env: { ...options.environment },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const isThere = child.pid !== undefined
  try {
    return await follow(child, task, options)
  } catch (error) {
    child.kill('SIGKILL')
    if (isThere) await gone
    await rm(task.output, { force: true })
    throw error
  } finally {
    child.kill('SIGKILL')
  }
}

function follow(child: ChildProcess, task: QuantizeTask, options: QuantizeOptions): Promise<Quantized> {
  const { model, signal } = options
  const { promise, resolve, reject } = Promise.withResolvers<Quantized>()
  const send = (message: ToQuantizer) => child.send(message, () => {})
  const stop = () => reject(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  child.on('message', (message) => {
    const news = message as FromQuantizer
    if (news.type === 'size') options.onSize(news.bytes).then(() => send({ type: 'go' }), reject)
    else if (news.type === 'progress') options.onProgress?.(news.bytes)
    else if (news.type === 'failed') reject(reviveFailure(news.failure))
    else resolve({ fallbacks: news.fallbacks })
  })
  child.once('error', reject)
  child.once('exit', (code, ended) => {
    const reason = `the engine's process ended (${ended ?? code}) in the middle of it`
    reject(fail('quantization_failed', { model, reason }))
  })
  send({ type: 'quantize', task })
  return promise.finally(() => signal?.removeEventListener('abort', stop))
}
