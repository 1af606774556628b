// Puts a model's layers on devices and says whether it fits, for how long a context and for how many users. Pure: devices come in as lists.

import type { ModelHeader } from './header-types.ts'
import {
  cellPadding,
  computeBytes,
  keptBytesPerLayer,
  type MemoryUse,
  margin,
  memoryNeed,
  overheadBytes,
  padCells,
} from './plan-memory.ts'
import { type Correction, type ModelShape, shapeOf } from './plan-shape.ts'
import { useOf } from './plan-use.ts'
import { type WeightParts, weightParts } from './plan-weights.ts'

/** Memory that layers can lie in. */
export interface Device {
  readonly name: string
  readonly kind: 'cpu' | 'gpu'
  readonly availableBytes: number
}

/** What one device holds. */
export interface PlacedDevice extends Device {
  readonly layers: number
  readonly weightBytes: number
  readonly kvBytes: number
  readonly computeBytes: number
  /** Logits, the runtime, the driver's own memory. */
  readonly overheadBytes: number
  readonly totalBytes: number
  /** Left free for everything else. */
  readonly marginBytes: number
  readonly fits: boolean
}

/** Whether a model fits, in words that programs compare. */
export type Verdict = 'fits' | 'fits-with-less-context' | 'fits-with-layers-on-cpu' | 'does-not-fit'

/** What is asked of a model. */
export interface FitWishes {
  readonly contextLength: number
  readonly users: number
  readonly kvType: MemoryUse['kvType']
  /** What a load taught of this model; holds where all of it is in main memory. */
  readonly correction?: Correction | undefined
}

/** The answer. */
export interface Fit {
  readonly verdict: Verdict
  readonly shape: ModelShape
  readonly parts: WeightParts
  /** As asked: its numbers are shown whether they fit or not. */
  readonly use: MemoryUse
  readonly devices: readonly PlacedDevice[]
  readonly layersOnCpu: number
  /** Longest context that fits for these users; 0 when none does. */
  readonly maxContext: number
  /** Most users that fit at this context. */
  readonly maxUsers: number
}

/** The library knows no more sequences than this. */
const mostUsers = 256
/** A CUDA context's own memory on each device, as gguf-parser-go assumes it (v0.22, 2025). Not measured by us. */
export const driverBytes = 250 * 2 ** 20
/** Whole models are not thought of as fitting with less than this. */
const leastContext = 512

/** Plans; one device of kind `cpu` is needed. */
export function fit(header: ModelHeader, devices: readonly Device[], wishes: FitWishes): Fit {
  const shape = { ...shapeOf(header), correction: wishes.correction }
  const layerCount = Number(header.metadata.get(`${header.architecture}.block_count`) ?? 1)
  const parts = weightParts(header, shape, layerCount)
  const model: Placing = { shape, parts, layerCount, devices, kvType: wishes.kvType }
  const { contextLength, users } = wishes
  const { verdict, spill } = decide(model, contextLength, users)
  // What was asked, whether it fits or not: then the numbers show what is missing.
  const placed = place(model, contextLength, users, spill)
  const fits = verdict !== 'does-not-fit'
  return {
    verdict,
    shape,
    parts,
    use: useAt(model, contextLength, users),
    devices: placed,
    layersOnCpu: placed.find(({ kind }) => kind === 'cpu')?.layers ?? 0,
    maxContext: fits ? longestContext(model, users, spill) : 0,
    maxUsers: fits ? greatest(mostUsers, (count) => holds(model, contextLength, count, spill)) : 0,
  }
}

/** As many layers on the GPUs as fit at this context for these users, the rest on the processor. */
export function placeOn(header: ModelHeader, devices: readonly Device[], wishes: FitWishes): readonly PlacedDevice[] {
  const shape = shapeOf(header)
  const layerCount = Number(header.metadata.get(`${header.architecture}.block_count`) ?? 1)
  const parts = weightParts(header, shape, layerCount)
  const model: Placing = { shape, parts, layerCount, devices, kvType: wishes.kvType }
  return place(model, wishes.contextLength, wishes.users, true)
}

/** The first that is true: all on the best devices; a shorter context there; layers left to the processor; a shorter context with these. */
function decide(
  model: Placing,
  contextLength: number,
  users: number,
): { readonly verdict: Verdict; readonly spill: boolean } {
  if (holds(model, contextLength, users, false)) return { verdict: 'fits', spill: false }
  const least = Math.min(leastContext, contextLength)
  if (longestContext(model, users, false) >= least) return { verdict: 'fits-with-less-context', spill: false }
  if (!model.devices.some(({ kind }) => kind === 'gpu')) return { verdict: 'does-not-fit', spill: false }
  if (holds(model, contextLength, users, true)) return { verdict: 'fits-with-layers-on-cpu', spill: true }
  if (longestContext(model, users, true) >= least) return { verdict: 'fits-with-less-context', spill: true }
  return { verdict: 'does-not-fit', spill: true }
}

function longestContext(model: Placing, users: number, spill: boolean): number {
  const trained = model.shape.trainedContextLength
  const length = (cells: number) => Math.min(cells * cellPadding, trained)
  const cells = greatest(padCells(trained) / cellPadding, (count) => holds(model, length(count), users, spill))
  return length(cells)
}

function holds(model: Placing, contextLength: number, users: number, spill: boolean): boolean {
  return place(model, contextLength, users, spill).every(({ fits }) => fits)
}

function place(model: Placing, contextLength: number, users: number, spill: boolean): PlacedDevice[] {
  return placeLayers(model, useAt(model, contextLength, users), spill)
}

function useAt({ shape, kvType }: Placing, contextLength: number, users: number): MemoryUse {
  return useOf(shape, { streams: users, contextLength, kvType, fullWindow: false })
}

/** The greatest number from 1 to `limit` for which `holds` is true; 0 when it is not even for 1. It holds for all smaller ones. */
function greatest(limit: number, holds: (value: number) => boolean): number {
  let [low, high] = [0, limit + 1]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) low = middle
    else high = middle
  }
  return low
}

/** A model and where it may lie. */
interface Placing {
  readonly shape: ModelShape
  readonly parts: WeightParts
  readonly layerCount: number
  readonly devices: readonly Device[]
  readonly kvType: FitWishes['kvType']
}

/**
 * Layers fill the GPUs in order, the last ones first as the library does it; with `spill` the first ones may stay on the processor, as few
 * as possible. Always returns a placing; where none fits, the one that comes closest.
 */
function placeLayers(model: Placing, use: MemoryUse, spill: boolean): PlacedDevice[] {
  const gpus = model.devices.filter(({ kind }) => kind === 'gpu')
  const cpu = model.devices.find(({ kind }) => kind === 'cpu')
  if (cpu === undefined) throw new RangeError('A plan needs the memory of the processor.')
  if (gpus.length === 0) return [placeWhole(model, use, cpu)]
  const tries = spill ? model.layerCount : 0
  for (let kept = 0; kept <= tries; kept++) {
    const placed = fill(model, use, gpus, cpu, kept)
    if (placed.every(({ fits }) => fits) || kept === tries) return placed
  }
  return []
}

function placeWhole({ shape, layerCount }: Placing, use: MemoryUse, cpu: Device): PlacedDevice {
  const need = memoryNeed(shape, use)
  return judged(cpu, layerCount, need.weights, need.kv + need.state, need.compute, need.output + need.overhead)
}

/** Layers from `kept` on, and the output behind the last one, go to the GPUs in order; the last GPU takes the rest, whether it fits or not. */
function fill(model: Placing, use: MemoryUse, gpus: readonly Device[], cpu: Device, kept: number): PlacedDevice[] {
  const { shape, parts, layerCount } = model
  const past = keptBytesPerLayer(shape, use)
  const [compute, computeWithHead] = [false, true].map((head) => computeBytes(shape, use, { head })) as [number, number]
  // The output counts as one more layer.
  const weights = [...parts.layers, parts.output]
  const need = weights.map(
    (bytes, unit) => bytes + (past[unit] ?? 0) + (unit === layerCount ? computeWithHead - compute : 0),
  )
  const placed: PlacedDevice[] = []
  let next = kept
  for (const [place, gpu] of gpus.entries()) {
    const from = next
    if (place === gpus.length - 1) next = weights.length
    else {
      let room = usable(gpu) - compute - driverBytes
      while (next < weights.length && room >= (need[next] ?? 0)) {
        room -= need[next] ?? 0
        next += 1
      }
    }
    const empty = next === from
    const hasOutput = next === weights.length && !empty
    const layers = next - from - (hasOutput ? 1 : 0)
    const buffers = empty ? 0 : hasOutput ? computeWithHead : compute
    placed.push(judged(gpu, layers, sum(weights, from, next), sum(past, from, next), buffers, empty ? 0 : driverBytes))
  }
  // The processor reads the input matrix, hands rows and masks over, and gets the logits.
  const rows = 4 * use.microBatchSize * shape.embedding
  const host = kept > 0 ? compute : rows + computeBytes({ ...shape, rowFloats: 0 }, use, { head: false })
  const logits = Math.max(use.outputs, use.streams) * shape.vocabulary * 4
  return [
    ...placed,
    judged(cpu, kept, parts.input + sum(weights, 0, kept), sum(past, 0, kept), host, logits + overheadBytes),
  ]
}

function sum(list: readonly number[], from: number, to: number): number {
  return list.slice(from, to).reduce((total, one) => total + one, 0)
}

function usable(device: Device): number {
  return device.availableBytes * (1 - margin)
}

function judged(
  device: Device,
  layers: number,
  weights: number,
  kv: number,
  compute: number,
  overhead: number,
): PlacedDevice {
  const total = weights + kv + compute + overhead
  return {
    ...device,
    layers,
    weightBytes: weights,
    kvBytes: kv,
    computeBytes: compute,
    overheadBytes: overhead,
    totalBytes: total,
    marginBytes: device.availableBytes * margin,
    fits: total <= usable(device),
  }
}
