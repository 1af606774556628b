// How positions are rotated, in GGUF's words: the base, and how it is stretched for longer contexts. Pure.
// What the kinds mean: https://huggingface.co/docs/transformers/internal/rope_utils

import type { GgufValue } from '../../formats/gguf.ts'
import { type Fields, isObject, refused, shown } from './folder.ts'
import { f32, text, u32 } from './plan.ts'

/** A rotation in GGUF's words. */
export interface Rope {
  readonly metadata: readonly (readonly [string, GgufValue])[]
  /** What each pair's angle is divided by. */
  readonly factors?: Float32Array
  readonly remarks: readonly string[]
}

/** What of the model decides it. */
export interface RotatedModel {
  readonly headLength: number
  /** Its configuration's own fallback differs. */
  readonly isMixtral: boolean
}

interface Stretching {
  readonly scaling: Fields
  readonly base: number
  readonly headLength: number
  /** Tokens that the model was trained for before it was stretched, and tokens of its context. */
  readonly trained: number
  readonly length: number
}

const mostContext = 2 ** 30

/** llama.cpp's, for files of the architecture "llama", which can name no others. */
const usualTurns = { fast: 32, slow: 1 }

/** Reads `rope_theta` and `rope_scaling`, or both in `rope_parameters`. Throws `invalid_value` for what the engine cannot do. */
export function readRope(config: Fields, { headLength, isMixtral }: RotatedModel): Rope {
  const both = config.object('rope_parameters')
  const scaling = both ?? config.object('rope_scaling')
  const theta = both?.has('rope_theta') === true ? both : config
  const base = theta.number('rope_theta', isMixtral ? 1_000_000 : 10_000)
  const metadata: readonly (readonly [string, GgufValue])[] = [['llama.rope.freq_base', f32(base)]]
  requireWhole(config, scaling)
  if (scaling === undefined) return { metadata, remarks: [] }
  const length = config.count('max_position_embeddings', { most: mostContext })
  const source = config.has('original_max_position_embeddings') ? config : scaling
  const trained = source.count('original_max_position_embeddings', { most: mostContext, fallback: length })
  const stretched = stretch({ scaling, base, headLength, trained, length })
  return { ...stretched, metadata: [...metadata, ...stretched.metadata] }
}

/** What would rotate a part of each head, or layers in different ways. */
function requireWhole(config: Fields, scaling: Fields | undefined): void {
  for (const fields of scaling === undefined ? [config] : [config, scaling])
    if (fields.has('partial_rotary_factor') && fields.values['partial_rotary_factor'] !== 1)
      throw refused(`${fields.where}: partial_rotary_factor`, 'the architecture rotates whole heads')
  const nested = Object.entries(scaling?.values ?? {}).find(([, value]) => isObject(value))
  if (nested !== undefined)
    throw refused(`${scaling?.where}: ${nested[0]}`, 'the architecture rotates all layers in one way')
  if (scaling?.has('llama_4_scaling_beta') === true)
    throw refused(
      `${scaling.where}: llama_4_scaling_beta`,
      'queries that are scaled by position have no place in the architecture',
    )
}

function stretch(stretching: Stretching): Rope {
  const { scaling, length } = stretching
  const type = scaling.text('rope_type') ?? scaling.text('type') ?? 'default'
  switch (type) {
    case 'default':
      return { metadata: [], remarks: [] }
    case 'dynamic':
      // Its base grows with texts that are longer than the context, which the engine refuses.
      return {
        metadata: [],
        remarks: [`Its rotation is stretched beyond ${length} tokens, which are its context here.`],
      }
    case 'linear':
      return { metadata: scaled('linear', scaling.number('factor')), remarks: [] }
    case 'llama3':
      return { metadata: [], factors: llama3(stretching), remarks: [] }
    case 'yarn':
      return yarn(stretching)
    default: {
      const known = '"default", "linear", "dynamic", "yarn" and "llama3" are known'
      throw refused(`${scaling.where}: rope_type`, `it is ${shown(type)}, and ${known}`)
    }
  }
}

function scaled(type: string, factor: number): readonly (readonly [string, GgufValue])[] {
  return [
    ['llama.rope.scaling.type', text(type)],
    ['llama.rope.scaling.factor', f32(factor)],
  ]
}

/** Llama 3.1's stretching: slow pairs by the whole factor, fast ones not at all, those between by a mix. */
function llama3({ scaling, base, headLength, trained }: Stretching): Float32Array {
  const factor = scaling.number('factor')
  const slow = scaling.number('low_freq_factor', 1)
  const fast = scaling.number('high_freq_factor', 4)
  if (fast <= slow) throw refused(`${scaling.where}: high_freq_factor`, 'it is not above low_freq_factor')
  return Float32Array.from({ length: headLength / 2 }, (_, pair) => {
    const turns = trained / (2 * Math.PI * base ** ((2 * pair) / headLength))
    if (turns > fast) return 1
    if (turns < slow) return factor
    const share = (turns - slow) / (fast - slow)
    return 1 / ((1 - share) / factor + share)
  })
}

/**
 * YaRN as llama.cpp computes it, or, where its bounds are not the usual ones, which no file of this architecture can say, as the factors that
 * come out (https://arxiv.org/abs/2309.00071).
 */
function yarn(stretching: Stretching): Rope {
  const { scaling, trained, length } = stretching
  const factor = scaling.number('factor', length / trained)
  const [fast, slow] = [scaling.number('beta_fast', usualTurns.fast), scaling.number('beta_slow', usualTurns.slow)]
  if (fast <= slow) throw refused(`${scaling.where}: beta_fast`, 'it is not above beta_slow')
  const truncates = scaling.flag('truncate', true)
  const strength = attention(scaling, factor)
  if (fast === usualTurns.fast && slow === usualTurns.slow && truncates) {
    const metadata: [string, GgufValue][] = [['llama.rope.scaling.original_context_length', u32(trained)]]
    // llama.cpp multiplies its own, which follows from the factor.
    const share = strength / magnitude(factor)
    if (Math.fround(share) !== 1) metadata.push(['llama.rope.scaling.attn_factor', f32(share)])
    return { metadata: [...scaled('yarn', factor), ...metadata], remarks: [] }
  }
  const metadata: [string, GgufValue][] = [['llama.rope.scaling.attn_factor', f32(strength)]]
  return { metadata, factors: yarnFactors(stretching, { factor, fast, slow, truncates }), remarks: [] }
}

function yarnFactors(
  { base, headLength, trained }: Stretching,
  rule: { readonly factor: number; readonly fast: number; readonly slow: number; readonly truncates: boolean },
): Float32Array {
  const pairOf = (turns: number) => (headLength * Math.log(trained / (turns * 2 * Math.PI))) / (2 * Math.log(base))
  const [first, last] = [pairOf(rule.fast), pairOf(rule.slow)]
  const low = Math.max(rule.truncates ? Math.floor(first) : first, 0)
  const high = Math.min(rule.truncates ? Math.ceil(last) : last, headLength - 1)
  return Float32Array.from({ length: headLength / 2 }, (_, pair) => {
    const share = Math.min(Math.max((pair - low) / Math.max(high - low, 0.001), 0), 1)
    return 1 / (share / rule.factor + (1 - share))
  })
}

/** What queries and keys are multiplied by. */
function attention(scaling: Fields, factor: number): number {
  if (scaling.has('attention_factor')) return scaling.number('attention_factor')
  if (scaling.has('mscale') && scaling.has('mscale_all_dim'))
    return magnitude(factor, scaling.number('mscale')) / magnitude(factor, scaling.number('mscale_all_dim'))
  return magnitude(factor)
}

function magnitude(factor: number, scale = 1): number {
  return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1
}
