// The thread where rules are compiled first, so that one that never ends or ends the instance harms nobody. Talks to guidance-probe.ts.

import { parentPort } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import {
  type CompiledImage,
  GuidanceInstance,
  GuidanceRefusal,
  type GuidanceRule,
  type PackedVocabulary,
} from './guidance-instance.ts'

/** The first message; `image` where a thread before this one has built it. */
export interface ProbeStart {
  readonly module: WebAssembly.Module
  readonly vocabulary: PackedVocabulary
  readonly image: SharedArrayBuffer | undefined
  /** Milliseconds from which on compiling a second time elsewhere would stall whoever does it. */
  readonly costlyMs: number
}

/** The answer to the first message and to each rule. */
export type ProbeAnswer =
  | { readonly type: 'ready'; readonly image: SharedArrayBuffer }
  | { readonly type: 'compiled'; readonly warnings: readonly string[]; readonly made: CompiledImage | undefined }
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'trapped'; readonly reason: string }

const port = parentPort
if (port === null) throw new Error('guidance-worker.ts is started as a worker thread')

let start: ProbeStart
let image: SharedArrayBuffer
let instance: GuidanceInstance

port.on('message', (message: ProbeStart | GuidanceRule) => {
  const answer: ProbeAnswer = 'module' in message ? begin(message) : probe(message)
  port.postMessage(answer)
})

function begin(message: ProbeStart): ProbeAnswer {
  start = message
  if (message.image === undefined) {
    instance = GuidanceInstance.build(message.module, message.vocabulary)
    image = instance.image()
  } else {
    image = message.image
    instance = GuidanceInstance.restore(message.module, image)
  }
  return { type: 'ready', image }
}

/** Compiles, takes one mask (some faults show only there) and forgets the grammar; one that was costly is handed out as it lies in memory. */
function probe(rule: GuidanceRule): ProbeAnswer {
  try {
    const begun = systemClock.elapsed()
    const { handle, warnings } = instance.compile(rule)
    const mask = new Uint32Array(Math.ceil(start.vocabulary.ends.length / 32))
    instance.mask(handle, mask)
    const costly = systemClock.elapsed() - begun >= start.costlyMs
    const made = costly ? { image: instance.image(), handle } : undefined
    instance.free(handle)
    return { type: 'compiled', warnings, made }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (error instanceof GuidanceRefusal) return { type: 'refused', reason }
    return { type: 'trapped', reason }
  } finally {
    // Past rules leave nothing behind: neither a trap nor a memory that grew.
    if (instance.dead || instance.memoryBytes > image.byteLength * 2) {
      instance = GuidanceInstance.restore(start.module, image)
    }
  }
}
