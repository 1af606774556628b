// A thread pool of ggml attached to a context, and the flag that stops a running decode. Knows nothing of tokens.

import koffi from 'koffi'
import { threadpoolParams } from './layout.ts'
import type { Llama, Pointer } from './llama.ts'

/** Threads that a context computes on. */
export interface ThreadPool {
  readonly pointer: Pointer
  free(): void
}

const newPrototype = koffi.proto('ggml_threadpool_new_t', 'void *', [koffi.pointer(threadpoolParams)])
const freePrototype = koffi.proto('ggml_threadpool_free_t', 'void', ['void *'])

/**
 * After a step the threads look out for the next one for so long, in units of 3.5 ms: longer than the pause between two steps. ggml's own
 * 50 burn a core for 0.17 s after each answer, which the server and other engines on the same cores then lack (measured).
 */
const lookOut = 1

/**
 * Makes a thread pool. Without one, each decode creates its threads anew: −30 % at one stream (measured). The functions live in the CPU
 * back-end, whose file differs by processor, so they are asked for by name.
 */
export function createThreadPool(llama: Llama, threads: number): ThreadPool {
  const backend = llama.backendByName('CPU')
  if (backend === null) throw new Error('The engine has no CPU back-end. Run npm ci.')
  const make = llama.backendAddress(backend, 'ggml_threadpool_new')
  const release = llama.backendAddress(backend, 'ggml_threadpool_free')
  if (make === null || release === null) throw new Error('The CPU back-end offers no thread pool.')
  const pointer: unknown = koffi.call(make, newPrototype, { ...llama.threadpoolDefaults(threads), poll: lookOut })
  if (typeof pointer !== 'bigint') throw new Error(`A pool of ${threads} threads could not be made.`)
  return { pointer, free: () => koffi.call(release, freePrototype, pointer) }
}

/** Stops a running decode from outside. */
export interface StopFlag {
  /** Asks the running decode to end; it does within 1–12 ms (measured). */
  raise(): void
  lower(): void
  free(): void
}

/**
 * ggml asks an abort callback between nodes. A JavaScript one costs 10 ms a step; libc's `strlen` over one byte costs nothing:
 * it returns 0 while the byte is 0 and 1 when JavaScript writes 1 into it.
 */
export function attachStopFlag(llama: Llama, context: Pointer): StopFlag {
  const memory = koffi.alloc('uint8_t', 2) as Pointer
  const bytes = new Uint8Array(koffi.view(memory, 2))
  bytes.fill(0)
  const libc = koffi.load(cLibrary())
  llama.setAbortCallback(context, libc.symbol('strlen') as Pointer, memory)
  return {
    raise: () => {
      bytes[0] = 1
    },
    lower: () => {
      bytes[0] = 0
    },
    free: () => {
      llama.setAbortCallback(context, null, null)
      koffi.free(memory)
    },
  }
}

function cLibrary(): string {
  if (process.platform === 'win32') return 'msvcrt.dll'
  return process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6'
}
