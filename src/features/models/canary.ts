// Decides which calls a canary gets, and when its figures say that it must go. Pure but for the figures it keeps; knows no model and no database.
import { createHash } from 'node:crypto'
import type { Canary, Gate, RollbackRule } from './alias.ts'

/** Whose call it is, as far as it is known: what a caller stays with a version by. */
export interface StickyFacts {
  /** Id of the key or session. */
  readonly id?: string
  readonly user?: string
  /** Whom the client calls on behalf of. */
  readonly endUser?: string
  /** The client's own name of the conversation. */
  readonly session?: string
}

/** Whether a call falls into `percent` of all; `text` decides it together with the seed, evenly over many texts. */
export function isDrawn(percent: number, seed: number, text: string): boolean {
  const drawn = createHash('sha256').update(`${seed}\n${text}`).digest().readUInt32BE(0) / 2 ** 32
  return drawn * 100 < percent
}

/** What a call is drawn by; `call` counts the calls, for draws of their own. */
export function drawText({ sticky }: Pick<Canary, 'sticky'>, facts: StickyFacts, call: number): string {
  const { id = '', user, endUser, session } = facts
  if (sticky === 'random') return `call ${call}`
  if (sticky === 'session' && session !== undefined) return `session ${session}`
  if (sticky !== 'key' && (endUser ?? user) !== undefined) return `user ${endUser ?? user}`
  return `key ${id}`
}

/** One call's figures. */
export interface CallFigures {
  readonly at: number
  readonly failed: boolean
  readonly firstTokenMs: number | null
}

/** What the calls of the target and of the canary came to lately. */
export interface CanaryWatch {
  /** Takes a call in; says why the canary must go, in words, or nothing. */
  note(side: 'target' | 'canary', figures: CallFigures): string | undefined
}

/** Calls of a side that are kept. */
const mostKept = 1000

/** No calls yet. */
export function createCanaryWatch(rule: RollbackRule): CanaryWatch {
  const sides = { target: [] as CallFigures[], canary: [] as CallFigures[] }
  return {
    note(side, figures) {
      for (const calls of Object.values(sides)) {
        while (calls.length > 0 && (calls[0]?.at ?? 0) < figures.at - rule.windowMs) calls.shift()
      }
      sides[side].push(figures)
      if (sides[side].length > mostKept) sides[side].shift()
      return tooManyErrors(sides, rule) ?? tooSlow(sides, rule)
    },
  }
}

interface Sides {
  readonly target: readonly CallFigures[]
  readonly canary: readonly CallFigures[]
}

function tooManyErrors({ target, canary }: Sides, rule: RollbackRule): string | undefined {
  const rate = errorRate(canary)
  // A target that fails as often tells of the machine, not of the version.
  if (canary.length < rule.minimumCalls || rate <= rule.errorRate || rate <= errorRate(target)) return undefined
  const failed = canary.filter((call) => call.failed).length
  return `${failed} of its last ${canary.length} calls failed; ${percentOf(rule.errorRate)} may`
}

function tooSlow({ target, canary }: Sides, { minimumCalls, firstTokenRatio }: RollbackRule): string | undefined {
  if (firstTokenRatio === null) return undefined
  const [own, other] = [firstTokens(canary), firstTokens(target)]
  if (own.length < minimumCalls || other.length < minimumCalls) return undefined
  const [slow, usual] = [percentile95(own), percentile95(other)]
  if (slow <= firstTokenRatio * usual) return undefined
  return `its first token took ${Math.round(slow)} ms at p95, the target's ${Math.round(usual)} ms; ${firstTokenRatio} times may be`
}

const errorRate = (calls: readonly CallFigures[]) =>
  calls.length === 0 ? 0 : calls.filter(({ failed }) => failed).length / calls.length

const firstTokens = (calls: readonly CallFigures[]) =>
  calls.map(({ firstTokenMs }) => firstTokenMs).filter((value) => value !== null)

function percentile95(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0
}

const percentOf = (rate: number) => `${Math.round(rate * 1000) / 10} %`

/** What was measured of weights. */
export interface Quality {
  readonly digest: string
  readonly perplexity: number | null
  readonly accuracy: number | null
  readonly textSha256: string | null
}

/** Why a canary does not pass its gate, in words; undefined where it does. Both lists are the newest first. */
export function gateFault(gate: Gate, canary: readonly Quality[], target: readonly Quality[]): string | undefined {
  const perplexity = canary.find((quality) => quality.perplexity !== null)?.perplexity ?? null
  const accuracy = canary.find((quality) => quality.accuracy !== null)?.accuracy ?? null
  const limit = gate.maxPerplexity
  if (limit !== null) {
    if (perplexity === null) return 'its perplexity was not measured'
    if (perplexity > limit) return `its perplexity is ${perplexity}; ${limit} may be`
  }
  if (gate.minAccuracy !== null) {
    if (accuracy === null) return 'its accuracy was not measured'
    if (accuracy < gate.minAccuracy) return `its accuracy is ${accuracy}; ${gate.minAccuracy} must be`
  }
  return gate.maxPerplexityRatio === null ? undefined : ratioFault(gate.maxPerplexityRatio, canary, target)
}

/** Perplexities compare only on one text. */
function ratioFault(most: number, canary: readonly Quality[], target: readonly Quality[]): string | undefined {
  for (const own of canary) {
    if (own.perplexity === null || own.textSha256 === null) continue
    const other = target.find(({ perplexity, textSha256 }) => perplexity !== null && textSha256 === own.textSha256)
    if (other?.perplexity == null) continue
    const ratio = own.perplexity / other.perplexity
    if (ratio <= most) return undefined
    return `its perplexity is ${own.perplexity}, the target's ${other.perplexity} on the same text; ${most} times may be`
  }
  return 'its perplexity and the target’s were not measured on the same text'
}
