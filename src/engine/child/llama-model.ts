// Loads weights from a GGUF file and says what the model is. Knows no prompt and no plan.

import { promisify } from 'node:util'
import koffi from 'koffi'
import { fail } from '../../base/errors.ts'
import type { StructValue } from './layout.ts'
import type { Llama, Pointer } from './llama.ts'
import { Vocabulary } from './vocabulary.ts'

/** How to load. */
export interface LoadOptions {
  /** Called with 0 … 1 as tensors arrive. */
  readonly progress?: (fraction: number) => void
  /** Aborting it ends the load; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Read every tensor and look for impossible values, which would load and give NaN. On by default: it takes about 0.3 ms a MB. */
  readonly checkTensors?: boolean
  /** Layers to put on GPUs, the last ones first, and the share of each GPU; absent: as many as there are. */
  readonly offload?: { readonly gpuLayers: number; readonly split: readonly number[] } | undefined
  /** Metadata and vocabulary without the weights. */
  readonly vocabularyOnly?: boolean
}

/** Weights in memory and facts about them. */
export interface LoadedModel {
  readonly pointer: Pointer
  readonly path: string
  readonly vocabulary: Vocabulary
  /** For example `llama 135M Q4_1`. */
  readonly description: string
  readonly architecture: string
  /** Tokens of context it was trained on. */
  readonly trainedContextLength: number
  /** Floats in one hidden state as embeddings give it. */
  readonly embeddingLength: number
  readonly layers: number
  /** Tokens of the sliding attention window; 0 when it has none. */
  readonly slidingWindow: number
  /** Recurrent state only (Mamba, RWKV), or beside attention (Jamba). A prefix can be reused only where it ends. */
  readonly recurrent: boolean
  readonly hybrid: boolean
  /** An encoder (BERT has neither encoder nor decoder in llama.cpp's sense: see `generates`). */
  readonly hasEncoder: boolean
  /** Whether attention is causal, so that text can be generated. */
  readonly causal: boolean
  /** Outputs of a classifier head (rerankers); 0 without one. */
  readonly classifierOutputs: number
  /** Bytes of all tensors, and number of weights. */
  readonly size: number
  readonly parameters: number
  /** What the weights took, MiB, as the log said: tensors, and second copies of some that are arranged for this processor. */
  readonly buffers: { readonly mapped: number; readonly repacked: number }
  /** A metadata value of the GGUF as text; arrays are not readable this way. */
  metadata(key: string): string | undefined
  /** Frees the weights, after every context of theirs. */
  free(): void
}

const progressPrototype = koffi.proto('bool LoadProgress(float progress, void *user)')

/** Loads a GGUF off the event loop. The header must have passed `readHeader` before: some wrong headers end the process. */
export async function loadModel(llama: Llama, path: string, options: LoadOptions = {}): Promise<LoadedModel> {
  options.signal?.throwIfAborted()
  const lines: string[] = []
  const buffers = { mapped: 0, repacked: 0 }
  const listen = (level: string, line: string) => {
    if (level === 'error') lines.push(line)
    const [, kind, size] = /(\S+) model buffer size = +([0-9.]+) MiB/.exec(line) ?? []
    if (kind !== undefined) buffers[kind.endsWith('_REPACK') ? 'repacked' : 'mapped'] += Number(size)
  }
  const progress = koffi.register((fraction: number) => {
    options.progress?.(fraction)
    return options.signal?.aborted !== true
  }, koffi.pointer(progressPrototype))
  const { offload } = options
  const shares = offload === undefined ? null : tensorSplit(offload.split)
  llama.library.listeners.add(listen)
  try {
    const params: StructValue = {
      ...llama.modelDefaults(),
      progress_callback: progress,
      check_tensors: options.checkTensors ?? true,
      vocab_only: options.vocabularyOnly ?? false,
      ...(offload === undefined ? {} : { n_gpu_layers: offload.gpuLayers, tensor_split: shares }),
    }
    const pointer = await promisify(llama.modelLoad.async)(path, params)
    if (pointer === null) {
      options.signal?.throwIfAborted()
      throw fail('model_load_failed', { model: path, reason: plainReason(lines) })
    }
    return { ...describe(llama, pointer, path), buffers }
  } finally {
    llama.library.listeners.delete(listen)
    koffi.unregister(progress)
    if (shares !== null) koffi.free(shares)
  }
}

/** More entries than the library has devices (llama_max_devices): it reads one for each. */
const splitEntries = 128

/** The shares in native memory, zero behind the last one. */
function tensorSplit(split: readonly number[]): Pointer | null {
  if (split.length < 2) return null
  const memory = koffi.alloc('float', splitEntries) as Pointer
  new Float32Array(koffi.view(memory, splitEntries * 4)).fill(0).set(split)
  return memory
}

/** The library names the cause in its first error line; later lines only say that loading failed. */
function plainReason(lines: readonly string[]): string {
  const line = lines.find((text) => !/failed to load model|failed to open GGUF/.test(text)) ?? lines[0]
  return line === undefined
    ? 'the engine gave no reason.'
    : line.replace(/^[a-z_]+: /, '').replace(/^error loading model: /, '')
}

function describe(llama: Llama, pointer: Pointer, path: string): Omit<LoadedModel, 'buffers'> {
  const metadata = (key: string): string | undefined =>
    readText((buffer, size) => llama.modelMetadata(pointer, key, buffer, size))
  const architecture = metadata('general.architecture') ?? ''
  return {
    pointer,
    path,
    architecture,
    vocabulary: new Vocabulary(llama, pointer, metadata),
    description: readText((buffer, size) => llama.modelDescription(pointer, buffer, size)) ?? architecture,
    trainedContextLength: llama.modelContextTrain(pointer),
    embeddingLength: llama.modelEmbeddingOut(pointer),
    layers: llama.modelLayers(pointer),
    slidingWindow: Math.max(0, llama.modelWindow(pointer)),
    recurrent: llama.modelIsRecurrent(pointer),
    hybrid: llama.modelIsHybrid(pointer),
    hasEncoder: llama.modelHasEncoder(pointer),
    causal: metadata(`${architecture}.attention.causal`) !== 'false',
    // Undefined for models without a head, so it is asked for only where the GGUF says there is one.
    classifierOutputs: metadata(`${architecture}.pooling_type`) === '4' ? llama.modelClassOutputs(pointer) : 0,
    size: Number(llama.modelSize(pointer)),
    parameters: Number(llama.modelParameters(pointer)),
    metadata,
    free: () => llama.modelFree(pointer),
  }
}

function readText(read: (buffer: Uint8Array, size: number) => number): string | undefined {
  let buffer = Buffer.alloc(1024)
  let length = read(buffer, buffer.length)
  if (length < 0) return undefined
  if (length >= buffer.length) {
    buffer = Buffer.alloc(length + 1)
    length = read(buffer, buffer.length)
  }
  return buffer.toString('utf8', 0, length)
}
