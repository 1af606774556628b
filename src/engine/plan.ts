// Decides streams, context, KV type, threads and batch sizes of a model from its header and the machine, before anything is loaded.
// Pure: the numbers come in, a plan or a clear refusal goes out.

import { basename } from 'node:path'
import { fail } from '../base/errors.ts'
import type { ContextOptions, KvType } from './child/context-options.ts'
import type { ModelHeader } from './header-types.ts'
import type { Machine } from './plan-machine.ts'
import { cellPadding, type MemoryNeed, margin, memoryNeed, padCells } from './plan-memory.ts'
import { type Correction, type ModelShape, shapeOf } from './plan-shape.ts'
import { useOf } from './plan-use.ts'

/** What a user may fix; everything absent is decided here. */
export interface PlanWishes {
  readonly name?: string
  readonly streams?: number
  readonly contextLength?: number
  readonly kvType?: KvType
  readonly layout?: 'split' | 'unified'
  readonly threads?: number
  /** Models that compute at the same time on this machine, this one included. */
  readonly models?: number
  /** Bytes of its LoRA adapters. */
  readonly adapterBytes?: number
  /** What an earlier load of this model taught. */
  readonly correction?: Correction
}

/** A context's options with the memory they take. */
export interface Plan extends Omit<ContextOptions, 'pooling' | 'embeddings'> {
  readonly model: string
  readonly fullWindow: boolean
  readonly causal: boolean
  readonly trainedContextLength: number
  readonly memory: MemoryNeed
  readonly availableBytes: number
}

/** Streams that are tried, the most first. One stream is never chosen: a second client would wait for the first. */
const streamSteps = [16, 12, 8, 6, 4, 3, 2] as const
/** A stream shorter than this is chosen only where nothing else fits. */
const usefulContextLength = 4096
const leastContextLength = 512

/**
 * KV that costs no thought. Zeroing it at the start takes about 0.75 s a GiB and copying a prefix moves a stream's whole buffer, so more
 * than this is spent only where the weights are larger (their loading takes longer than the zeroing) or the user asks.
 */
const easyBytes = 1.5 * 2 ** 30

/** Plans a model, or throws `model_load_failed` with every term when it does not fit. */
export function planModel(header: ModelHeader, machine: Machine, wished: PlanWishes = {}): Plan {
  const shape = { ...shapeOf(header), correction: wished.correction, adapterBytes: wished.adapterBytes }
  const wishes = boundedWishes(shape, wished)
  const model = wishes.name ?? basename(header.path)
  checkWishes(shape, wishes, model)
  const kvType = wishes.kvType ?? 'f16'
  const budget = machine.availableBytes * (1 - margin)
  const chosen = shape.causal ? chooseStreams(shape, wishes, kvType, budget) : chooseBatch(shape, wishes, budget)
  if (chosen === undefined) throw refuse(shape, wishes, kvType, budget, model)
  return {
    model,
    ...chosen,
    threads: wishes.threads ?? threadsFor(machine, wishes.models ?? 1),
    layout: shape.causal ? (wishes.layout ?? 'split') : 'unified',
    flashAttention: 'auto',
    causal: shape.causal,
    trainedContextLength: shape.trainedContextLength,
    memory: memoryNeed(shape, { ...chosen, layout: shape.causal ? (wishes.layout ?? 'split') : 'unified' }),
    availableBytes: machine.availableBytes,
  }
}

/** The machine as it is once a plan has been loaded: for planning the next model. */
export function machineAfter(machine: Machine, plan: Plan): Machine {
  return { ...machine, availableBytes: Math.max(0, machine.availableBytes - plan.memory.total) }
}

/**
 * Threads of one model. The sum over all models stays within the cores, because ggml's barriers spin: two threads on two busy cores fell
 * from about 100 to 0–5 tokens a second (measured). From three cores on, one is left to the event loops. What models that come later take is
 * taken from those that are there (`thread-shares.ts`).
 */
function threadsFor(machine: Machine, models: number): number {
  return Math.max(1, Math.floor(computingThreads(machine) / models))
}

/** Threads that all models together compute on. */
export function computingThreads({ cores }: Machine): number {
  return cores > 2 ? cores - 1 : cores
}

type Chosen = Pick<
  Plan,
  'streams' | 'contextLength' | 'kvType' | 'batchSize' | 'microBatchSize' | 'outputs' | 'fullWindow'
>

function sizes(shape: ModelShape, kvType: KvType, streams: number, contextLength: number, fullWindow: boolean): Chosen {
  return useOf(shape, { streams, contextLength, kvType, fullWindow })
}

function chooseStreams(shape: ModelShape, wishes: PlanWishes, kvType: KvType, budget: number): Chosen | undefined {
  const easy = Math.min(budget, memoryWithoutKv(shape, kvType) + Math.max(easyBytes, shape.weightBytes))
  const streams = wishes.streams === undefined ? streamSteps : [wishes.streams]
  const useful = Math.min(shape.trainedContextLength, wishes.contextLength ?? usefulContextLength)
  const attempts: readonly (readonly [limit: number, wanted: number])[] = [
    [easy, useful],
    ...[useful, useful / 2, useful / 4, leastContextLength].map((wanted) => [budget, wanted] as const),
  ]
  for (const [limit, wanted] of attempts)
    for (const count of streams) {
      const chosen = longest(shape, wishes, kvType, count, limit)
      if (chosen !== undefined && chosen.contextLength >= Math.min(wanted, useful)) return chosen
    }
  return undefined
}

/** The longest context with which so many streams fit; keeping all cells of windowed layers where that fits too, so that any prefix can be reused. */
function longest(
  shape: ModelShape,
  wishes: PlanWishes,
  kvType: KvType,
  streams: number,
  limit: number,
): Chosen | undefined {
  const fits = (chosen: Chosen) => memoryNeed(shape, chosen).total <= limit
  const most = padCells(wishes.contextLength ?? shape.trainedContextLength)
  for (const fullWindow of shape.window > 0 ? [true, false] : [false]) {
    const at = (contextLength: number) => sizes(shape, kvType, streams, contextLength, fullWindow)
    if (fits(at(most))) return at(most)
    if (wishes.contextLength !== undefined) continue
    let low = 0
    let high = most / cellPadding
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (fits(at(middle * cellPadding))) low = middle
      else high = middle
    }
    if (low * cellPadding >= Math.min(usefulContextLength, most) || (low > 0 && !fullWindow))
      return at(low * cellPadding)
  }
  return undefined
}

/** Whole texts, as long as fit. */
function chooseBatch(shape: ModelShape, wishes: PlanWishes, budget: number): Chosen | undefined {
  const wanted = wishes.contextLength ?? shape.trainedContextLength
  const streams = wishes.streams ?? 16
  for (
    let contextLength = wanted;
    contextLength >= Math.min(wanted, 128);
    contextLength = Math.floor(contextLength / 2)
  ) {
    const chosen = useOf(shape, { streams, contextLength, kvType: 'f16', fullWindow: false })
    if (memoryNeed(shape, chosen).total <= budget) return chosen
    if (wishes.contextLength !== undefined) return undefined
  }
  return undefined
}

function memoryWithoutKv(shape: ModelShape, kvType: KvType): number {
  const need = memoryNeed(shape, sizes(shape, kvType, streamSteps[0], usefulContextLength, false))
  return need.total - need.kv - need.state
}

/** What is wished for several models is as far as each was trained: embedding models beside chat models see less. */
function boundedWishes({ trainedContextLength }: ModelShape, wishes: PlanWishes): PlanWishes {
  const { models = 1, contextLength = 0 } = wishes
  return models > 1 && contextLength > trainedContextLength
    ? { ...wishes, contextLength: trainedContextLength }
    : wishes
}

function checkWishes(shape: ModelShape, wishes: PlanWishes, model: string): void {
  const { contextLength, streams, threads } = wishes
  const refusal = (reason: string) => fail('model_load_failed', { model, reason })
  if (contextLength !== undefined && contextLength > shape.trainedContextLength)
    throw refusal(
      `context-length is ${contextLength}, and the model was trained on ${shape.trainedContextLength} tokens.`,
    )
  if (contextLength !== undefined && (contextLength < 1 || !Number.isInteger(contextLength)))
    throw refusal(`context-length is ${contextLength}, and a whole number above 0 is needed.`)
  if (streams !== undefined && (!Number.isInteger(streams) || streams < 1 || streams > 256))
    throw refusal(`streams is ${streams}, and 1 to 256 are possible.`)
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1 || threads > 512))
    throw refusal(`threads is ${threads}, and 1 to 512 are possible.`)
  if (wishes.kvType === 'q8_0' && (shape.keyLength % 32 !== 0 || shape.valueLength % 32 !== 0))
    throw refusal(
      `kv-type q8_0 needs heads of a multiple of 32 floats, and this model has ${shape.keyLength}. Use f16.`,
    )
}

function refuse(shape: ModelShape, wishes: PlanWishes, kvType: KvType, budget: number, model: string): Error {
  const streams = wishes.streams ?? 2
  const contextLength = padCells(wishes.contextLength ?? Math.min(leastContextLength, shape.trainedContextLength))
  const least = memoryNeed(shape, sizes(shape, kvType, streams, contextLength, false))
  const asked = wishes.streams !== undefined || wishes.contextLength !== undefined
  const { streams: _streams, contextLength: _contextLength, ...free } = wishes
  const smaller = asked && shape.causal ? chooseStreams(shape, free, kvType, budget) : undefined
  const advice =
    smaller === undefined
      ? 'Choose a smaller model or a smaller quantisation of it.'
      : `It fits with ${smaller.streams} streams of ${smaller.contextLength} tokens: leave streams and context-length to the plan, or lower them.`
  return fail('model_load_failed', {
    model,
    reason: `it does not fit: ${streams} streams of ${contextLength} tokens need ${describeMemory(least)}, and ${size(budget)} may be used. ${advice}`,
  })
}

/** The plan in a few lines, for the start of the server and `galerne plan`. */
export function describePlan(plan: Plan): string[] {
  return [
    `${plan.model}: ${plan.streams} streams of ${plan.contextLength} tokens (trained on ${plan.trainedContextLength}), KV ${plan.kvType}, ${plan.layout}, ${plan.threads} threads, batches of ${plan.batchSize}`,
    `memory: ${describeMemory(plan.memory)}, of ${size(plan.availableBytes)} free`,
  ]
}

function describeMemory(need: MemoryNeed): string {
  const terms = (['weights', 'kv', 'state', 'compute', 'output', 'adapters', 'overhead'] as const)
    .filter((term) => need[term] > 0)
    .map((term) => `${term} ${size(need[term])}`)
  return `${size(need.total)} (${terms.join(', ')})`
}

function size(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.ceil(bytes / 2 ** 20)} MiB`
}
