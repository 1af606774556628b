// What is said elsewhere about a model's memory, beside what the plan says, and why they differ. Figures with source and date.

import { fit } from '../../engine/plan-fit.ts'
import { findPlanned } from './find.ts'

/** A figure that people meet. */
interface Estimate {
  readonly model: string
  /** Bits of a weight that it speaks of. */
  readonly bits: 4 | 8 | 16
  /** Part of the model's context that it is for; 0: none is named. */
  readonly context: number
  /** Tokens that its whole context has by the same source, where that is not what the catalogue says. */
  readonly wholeContext?: number
  readonly gigabytes: number
  readonly from: string
}

/** The verdict on one. */
export interface JudgedEstimate extends Estimate {
  /** All weights at exactly so many bits, in GB of 10⁹ bytes. */
  readonly weights: number
  /** Weights in the mix of so many bits that llama.cpp has. */
  readonly mix: string
  readonly mixWeights: number
  /** The plan: that mix, one user, with KV in f16 for that context, on the processor. */
  readonly planned: number
  readonly reason: string
  /** It is below the weights: no way of running the model makes it true. */
  readonly impossible: boolean
}

const common = 'in common use'
const older = 'docs.mistral.ai, older table (read 2026-08)'
const cards = 'docs.mistral.ai, model cards (read 2026-08)'

/** Figures of the vendor's cards: all of the context at 16 bits, half of it at 8, a quarter at 4. */
function card(model: string, gigabytes: readonly number[], wholeContext?: number): Estimate[] {
  const steps = [
    { bits: 16, context: 1 },
    { bits: 8, context: 1 / 2 },
    { bits: 4, context: 1 / 4 },
  ] as const
  return steps.flatMap((step, place) => {
    const figure = gigabytes[place]
    if (figure === undefined) return []
    return [{ model, ...step, gigabytes: figure, from: cards, ...(wholeContext !== undefined && { wholeContext }) }]
  })
}

const estimates: readonly Estimate[] = [
  { model: 'mistral-7b', bits: 16, context: 0, gigabytes: 14, from: common },
  { model: 'mistral-7b', bits: 4, context: 0, gigabytes: 5, from: common },
  { model: 'mixtral-8x7b', bits: 16, context: 0, gigabytes: 90, from: common },
  { model: 'mixtral-8x7b', bits: 4, context: 0, gigabytes: 24, from: common },
  { model: 'mixtral-8x22b', bits: 4, context: 0, gigabytes: 65, from: common },
  ...[
    ['mistral-7b', 16],
    ['mixtral-8x7b', 100],
    ['mixtral-8x22b', 300],
    ['mistral-nemo', 28],
    ['codestral-22b', 60],
    ['mistral-small-24b', 60],
    ['ministral-8b', 24],
    ['mistral-large', 250],
    ['codestral-mamba', 16],
  ].map(([model, gigabytes]) => ({
    model: String(model),
    bits: 16 as const,
    context: 0,
    gigabytes: Number(gigabytes),
    from: older,
  })),
  ...card('mistral-7b', [20, 10, 5]),
  ...card('mixtral-8x7b', [94, 48, 13]),
  ...card('mixtral-8x22b', [283, 142, 71]),
  ...card('mistral-nemo', [56, 28, 14]),
  ...card('codestral-22b', [52, 26]),
  ...card('ministral-8b', [42, 21, 11], 131_072),
  ...card('ministral-3-3b', [43, 22, 11]),
  ...card('ministral-3-8b', [67, 34, 17]),
  ...card('mistral-large', [297, 149, 75]),
]

const mixes = { 4: 'Q4_K_M', 8: 'Q8_0', 16: 'BF16' } as const
const billion = 1e9
/** Contexts for figures that name none. */
const plainContext = 4096
const enoughMemory = 2 ** 50

/** All figures with their verdicts; those of one model where `model` is given by its name. */
export function judgedEstimates(model?: string): readonly JudgedEstimate[] {
  return estimates.map(judge).filter((one) => model === undefined || one.model === model)
}

function judge(estimate: Estimate): JudgedEstimate {
  const mix = mixes[estimate.bits]
  const planned = findPlanned(estimate.model, { quantisation: mix })
  const contextLength =
    estimate.context === 0 ? plainContext : (estimate.wholeContext ?? planned.contextLength) * estimate.context
  const devices = [{ name: 'processor', kind: 'cpu', availableBytes: enoughMemory }] as const
  const answer = fit(planned.header, devices, { contextLength, users: 1, kvType: 'f16' })
  const elements = planned.header.tensors.reduce(
    (sum, { dimensions }) => sum + dimensions.reduce((product, one) => product * one, 1),
    0,
  )
  const figures = {
    weights: (elements * estimate.bits) / 8 / billion,
    mix,
    mixWeights: planned.header.tensorBytes / billion,
    planned: (answer.devices[0]?.totalBytes ?? 0) / billion,
  }
  return { ...estimate, model: planned.name, ...figures, ...verdict(estimate, figures) }
}

type Figures = Pick<JudgedEstimate, 'weights' | 'mix' | 'mixWeights' | 'planned'>

/** The first of the known ways to come to a figure that gives this one. */
function verdict(
  { gigabytes, bits, context }: Estimate,
  { weights, mix, mixWeights, planned }: Figures,
): Pick<JudgedEstimate, 'reason' | 'impossible'> {
  const near = (value: number, part: number) => Math.abs(gigabytes / value - 1) <= part
  const possible = (reason: string) => ({ reason, impossible: false })
  const rest = planned - mixWeights
  const inMix =
    mixWeights > weights * 1.02
      ? `; ${mix} has ${shown((bits * mixWeights) / weights)} bits, ${shown(mixWeights)} GB`
      : ''
  const alone = `KV and buffers, ${shown(rest)} GB, are not in it`
  if (gigabytes < weights * 0.95) {
    const gibibytes = (weights * billion) / 2 ** 30
    if (near(gibibytes, 0.02))
      return possible(`the weights alone, in GiB: ${shown(weights)} GB are ${shown(gibibytes)} GiB${inMix}`)
    const reason = `wrong: below the weights, which are ${shown(weights)} GB at ${bits} bits before any KV`
    return { reason, impossible: true }
  }
  if (gigabytes < weights * 0.99) return possible(`the weights alone, of rounded parameters; ${alone}`)
  if (context > 0 && near(weights, 0.025))
    return possible(`the weights alone at exactly ${bits} bits; ${alone}${inMix}`)
  if (near(planned, 0.08)) return possible('agrees')
  if (near(weights + rest, 0.08)) return possible(`agrees at exactly ${bits} bits${inMix}`)
  if (near(weights, 0.05)) return possible(`the weights alone at exactly ${bits} bits; ${alone}${inMix}`)
  const difference = Math.abs(gigabytes - planned)
  const share = `${shown(difference)} GB (${Math.round((100 * difference) / planned)} %)`
  return possible(gigabytes > planned ? `a reserve of ${share} on the plan` : `${share} less than the plan`)
}

const shown = (gigabytes: number): string => gigabytes.toFixed(1)

/** What is said of a model and cannot be, as sentences. */
export function impossibleClaims(model: string): readonly string[] {
  return judgedEstimates(model)
    .filter(({ impossible }) => impossible)
    .map(({ from, gigabytes, bits, reason }) => `${from} gives ${gigabytes} GB at ${bits} bits: ${reason}.`)
}
