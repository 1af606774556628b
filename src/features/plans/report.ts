// The plan of a model as people and programs read it: every term in bytes with its formula, a verdict, and what would fit. Pure.

import type { ModelHeader } from '../../engine/header-types.ts'
import { type Device, type Fit, fit, type PlacedDevice, type Verdict } from '../../engine/plan-fit.ts'
import { kvBytesPerToken, type MemoryUse } from '../../engine/plan-memory.ts'
import type { Correction } from '../../engine/plan-shape.ts'
import { type Formulas, formulasOf } from './formulas.ts'
import { type Bandwidth, costOfMillion, expectedSpeed } from './speed.ts'

/** A model whose header is known, from wherever. */
export interface PlannedModel {
  readonly name: string
  readonly quantisation: string
  readonly header: ModelHeader
  /** Tokens it was made for. */
  readonly contextLength: number
  /** Where the bytes of its weights come from, as a sentence. */
  readonly weights: string
  /** What its licence does not allow, and what else should be known. */
  readonly notes: readonly string[]
}

/** What is asked. */
export interface PlanQuestion {
  readonly contextLength: number
  readonly users: number
  readonly kvType: MemoryUse['kvType']
  readonly devices: readonly Device[]
  readonly bandwidth: Bandwidth
  /** Nano-units for an hour of the machine. */
  readonly pricePerHour?: bigint | undefined
  /** What a load taught of this model. */
  readonly correction?: Correction | undefined
}

/** One device of the answer. */
export interface ReportedDevice {
  readonly name: string
  readonly kind: Device['kind']
  readonly available_bytes: number
  readonly layers: number
  readonly weights_bytes: number
  readonly kv_bytes: number
  readonly compute_bytes: number
  readonly overhead_bytes: number
  readonly total_bytes: number
  readonly margin_bytes: number
  readonly fits: boolean
}

/** The answer. Bytes of all devices together; `total_bytes` is the sum of the four above it. KV holds recurrent state too. */
export interface PlanReport {
  readonly model: string
  readonly quantisation: string
  readonly context: number
  readonly users: number
  readonly weights_bytes: number
  readonly kv_bytes_per_token: number
  readonly kv_bytes: number
  readonly compute_bytes: number
  readonly overhead_bytes: number
  readonly total_bytes: number
  readonly devices: readonly ReportedDevice[]
  readonly verdict: Verdict
  readonly max_context: number
  readonly max_users: number
  readonly details: {
    readonly kv_type: string
    readonly output_bytes: number
    readonly margin_bytes: number
    readonly layers_on_cpu: number
    readonly formulas: Formulas
    readonly speed: {
      readonly cpu_bytes_per_second: number | null
      readonly gpu_bytes_per_second: number | null
      readonly bytes_per_token: number
      readonly tokens_per_second: number
      readonly tokens_per_second_of_all: number
    } | null
    /** Nano-units for a million tokens, with all users generating. */
    readonly cost_per_million_nano: string | null
    readonly notes: readonly string[]
  }
}

/** Plans. */
export function planReport(model: PlannedModel, question: PlanQuestion): PlanReport {
  const { contextLength, users, kvType, devices, bandwidth, pricePerHour, correction } = question
  const answer = fit(model.header, devices, { contextLength, users, kvType, correction })
  const sum = (of: (device: PlacedDevice) => number) => answer.devices.reduce((total, one) => total + of(one), 0)
  const speed = expectedSpeed(answer, bandwidth)
  return {
    model: model.name,
    quantisation: model.quantisation,
    context: contextLength,
    users,
    weights_bytes: sum((device) => device.weightBytes),
    kv_bytes_per_token: kvBytesPerToken(answer.shape, kvType),
    kv_bytes: sum((device) => device.kvBytes),
    compute_bytes: Math.round(sum((device) => device.computeBytes)),
    overhead_bytes: sum((device) => device.overheadBytes),
    total_bytes: Math.round(sum((device) => device.totalBytes)),
    devices: answer.devices.map(reported),
    verdict: answer.verdict,
    max_context: answer.maxContext,
    max_users: answer.maxUsers,
    details: {
      kv_type: kvType,
      output_bytes: outputBytes(answer),
      margin_bytes: Math.round(sum((device) => device.marginBytes)),
      layers_on_cpu: answer.layersOnCpu,
      formulas: formulasOf(answer, model.weights),
      speed:
        speed === undefined
          ? null
          : {
              cpu_bytes_per_second: whole(bandwidth.cpu),
              gpu_bytes_per_second: whole(bandwidth.gpu),
              bytes_per_token: Math.round(speed.bytesPerToken),
              tokens_per_second: rounded(speed.tokensPerSecond),
              tokens_per_second_of_all: rounded(speed.tokensPerSecondOfAll),
            },
      cost_per_million_nano:
        speed === undefined || pricePerHour === undefined
          ? null
          : String(costOfMillion(pricePerHour, speed.tokensPerSecondOfAll)),
      notes: correction === undefined ? model.notes : [...model.notes, learned(correction)],
    },
  }
}

/** Terms that a load corrected, so that a reader knows why they are not the formula's. */
function learned({ kv, state, compute, overheadBytes }: Correction): string {
  const ratios = Object.entries({ KV: kv, state, compute }).filter(([, ratio]) => Math.abs(ratio - 1) > 0.001)
  const changed = ratios.map(([name, ratio]) => `${name} × ${ratio.toFixed(3)}, `).join('')
  return `This model was loaded here before, and main memory is corrected by what it took: ${changed}${Math.round(overheadBytes / 2 ** 20)} MiB beside its buffers.`
}

function reported(device: PlacedDevice): ReportedDevice {
  return {
    name: device.name,
    kind: device.kind,
    available_bytes: device.availableBytes,
    layers: device.layers,
    weights_bytes: device.weightBytes,
    kv_bytes: device.kvBytes,
    compute_bytes: Math.round(device.computeBytes),
    overhead_bytes: device.overheadBytes,
    total_bytes: Math.round(device.totalBytes),
    margin_bytes: Math.round(device.marginBytes),
    fits: device.fits,
  }
}

function outputBytes({ use, shape }: Fit): number {
  return Math.max(use.outputs, use.streams) * shape.vocabulary * 4
}

const whole = (value: number | undefined): number | null => (value === undefined ? null : Math.round(value))
const rounded = (value: number): number => Number(value.toPrecision(3))
