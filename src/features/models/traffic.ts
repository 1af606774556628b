// Which version answers a call to an alias: its target or its canary; what copies a shadow gets; and when a canary is rolled back by itself.
// Knows models by name alone, whether they run here or at a vendor.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Model } from '../../wire/model.ts'
import type { Alias, Canary } from './alias.ts'
import { type CanaryWatch, createCanaryWatch, drawText, isDrawn, type StickyFacts } from './canary.ts'
import { type ObservedCall, observe } from './observe.ts'
import { createShadows } from './shadow.ts'

/** What a name leads to. */
export interface Destination {
  /** As callers get it: reserved for, metered, in line. */
  readonly model: Model
  /** Metered and in line, without anybody's limits: for copies. */
  readonly metered: Model
}

/** Sends calls of aliases to versions. */
export interface Traffic {
  /** The version for a call; undefined where the target is not here. `find` leads past aliases to models. */
  pick(alias: Alias, facts: StickyFacts, find: (name: string) => Destination | undefined): Model | undefined
  /** Ends the copies. */
  stop(): Promise<void>
}

/** What traffic is decided with. */
export interface TrafficParts {
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** Rolls a canary back on every node, if the alias still has this revision. */
  readonly rollBack: (alias: Alias, reason: string) => Promise<void>
}

/** A canary of one revision of an alias. */
interface Watched {
  readonly revision: number
  readonly watch: CanaryWatch
  /** Why it gets no more calls here. */
  fault?: string
  rollingBack?: boolean
}

/** Decides it. */
export function createTraffic(parts: TrafficParts): Traffic {
  const { clock, log } = parts
  const counts = countTraffic(parts.metrics)
  const shadows = createShadows({
    ...{ clock, log },
    told: (model, outcome) => counts.shadows.add({ model_name: model, outcome }),
  })
  const watched = new Map<string, Watched>()
  let calls = 0

  const watchOf = ({ name, revision }: Alias, { rollback }: Canary): Watched => {
    const known = watched.get(name)
    if (known?.revision === revision) return known
    const fresh: Watched = { revision, watch: createCanaryWatch(rollback) }
    watched.set(name, fresh)
    return fresh
  }
  const rollBack = async (alias: Alias, state: Watched, reason: string) => {
    // From this moment on it gets no call of this node, whatever becomes of the database.
    state.fault = reason
    if (state.rollingBack === true) return
    state.rollingBack = true
    try {
      await parts.rollBack(alias, reason)
    } catch (error) {
      log.error({ err: error, alias: alias.name }, 'the canary could not be rolled back in the database: tried again')
    }
    state.rollingBack = false
  }
  const note = (alias: Alias, canary: Canary, side: 'target' | 'canary', { outcome, firstTokenMs }: ObservedCall) => {
    if (outcome !== 'ok' && outcome !== 'fault') return
    const state = watchOf(alias, canary)
    const figures = { at: clock.elapsed(), failed: outcome === 'fault', firstTokenMs }
    const reason = state.fault ?? state.watch.note(side, figures)
    if (reason !== undefined) void rollBack(alias, state, reason)
  }
  return {
    pick(alias, facts, find) {
      const { name, canary, shadow } = alias
      calls += 1
      const call = calls
      const isCanary =
        canary !== null &&
        watchOf(alias, canary).fault === undefined &&
        isDrawn(canary.percent, canary.seed, drawText(canary, facts, call))
      const drawn = isCanary ? find(canary.target) : undefined
      const target = find(alias.target)
      const chosen = drawn ?? target
      if (chosen === undefined) return undefined
      // What the target would have taken is the canary's fault, not the caller's.
      const isShorter = chosen.model.card.contextLength < (target?.model.card.contextLength ?? 0)
      const copies = shadow !== null && isDrawn(shadow.percent, alias.revision, `call ${call}`)
      const copied = copies ? find(shadow.target) : undefined
      const side = drawn === undefined ? 'target' : 'canary'
      return observe(chosen.model, clock, (call) => {
        const observed = call.tooLong && isShorter ? { ...call, outcome: 'fault' as const } : call
        counts.calls.add({ alias: name, model_name: chosen.model.card.name, side, outcome: observed.outcome })
        if (canary !== null) note(alias, canary, side, observed)
        if (copied !== undefined && observed.outcome === 'ok') shadows.copy(copied.metered, observed.made)
      })
    },
    stop: () => shadows.stop(),
  }
}

function countTraffic(metrics: Metrics) {
  return {
    calls: metrics.counter('galerne_alias_calls_total', 'Calls of aliases by the version that answered, and how.'),
    shadows: metrics.counter(
      'galerne_shadow_calls_total',
      'Copies of calls by the version they were made at, and how.',
    ),
  }
}
