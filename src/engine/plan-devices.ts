// Which memory a plan may use, from the engine's list of devices, and what the engine must be told to use it so. Pure.

import type { EngineDevice } from './devices.ts'
import type { Device, PlacedDevice } from './plan-fit.ts'

/** GPUs in the library's order, then main memory. What computes in main memory takes its part of that and is not counted twice. */
export function planDevices(devices: readonly EngineDevice[], mainBytes: number): readonly Device[] {
  const gpus = devices.filter(({ kind, freeBytes }) => (kind === 'gpu' || kind === 'integrated') && freeBytes > 0)
  const own = gpus.some(({ kind }) => kind === 'gpu')
  // An integrated GPU beside a real one is left out, as the library does.
  const used = gpus.filter((device) => !own || device.kind === 'gpu')
  const sharing = used.filter(sharesMainMemory)
  // Each of them says what all of them may take together.
  const shared = Math.min(mainBytes, ...sharing.map(({ freeBytes }) => freeBytes))
  const placed = used.map((device): Device => {
    const availableBytes = sharesMainMemory(device) ? Math.floor(shared / sharing.length) : device.freeBytes
    return { name: `${device.name} (${device.description})`, kind: 'gpu', availableBytes }
  })
  const left = sharing.length === 0 ? mainBytes : mainBytes - shared
  return [...placed, { name: 'processor', kind: 'cpu', availableBytes: left }]
}

/** Apple's GPUs call themselves GPUs and have the machine's memory. */
function sharesMainMemory({ kind, name, description }: EngineDevice): boolean {
  return kind === 'integrated' || (/^(Metal|MTL)/.test(name) && /^Apple/.test(description))
}

/** `n_gpu_layers` and `tensor_split` of llama.h: how many layers, the output counted as one, and which part each GPU takes. */
export interface Offload {
  readonly gpuLayers: number
  readonly split: readonly number[]
}

/** What to tell the engine so that layers lie as they were planned. */
export function offloadOf(devices: readonly PlacedDevice[]): Offload {
  const gpus = devices.filter(({ kind }) => kind === 'gpu')
  const layers = gpus.reduce((sum, device) => sum + device.layers, 0)
  if (layers === 0) return { gpuLayers: 0, split: [] }
  const last = gpus.findLastIndex((device) => device.totalBytes > 0)
  return { gpuLayers: layers + 1, split: gpus.map((device, place) => device.layers + (place === last ? 1 : 0)) }
}
