// Makes copies of calls at another version, below all other work, and forgets the answers. What they cost is kept apart from customers' usage.
import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { CallContext, Model } from '../../wire/model.ts'
import { shadowName } from '../usage/row.ts'
import type { MadeCall } from './observe.ts'

/** Copies at work at once, and those that wait; more are left out and counted. */
const most = { running: 2, waiting: 64 }

/** How one copy went. */
export type ShadowOutcome = 'ok' | 'failed' | 'left-out'

/** Makes copies. */
export interface Shadows {
  /** Takes a call that was answered; returns at once. `model` is the metered one, without anybody's limits. */
  copy(model: Model, made: MadeCall): void
  /** Ends what runs and takes no more; resolves when all have ended. */
  stop(): Promise<void>
}

/** Nothing at work yet. */
export function createShadows(parts: {
  readonly clock: Clock
  readonly log: Log
  readonly told: (model: string, outcome: ShadowOutcome) => void
}): Shadows {
  const { clock, log, told } = parts
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()
  const waiting: (() => Promise<void>)[] = []
  const next = () => {
    if (stopping.signal.aborted || running.size >= most.running) return
    const start = waiting.shift()
    if (start === undefined) return
    const work = start().finally(() => {
      running.delete(work)
      next()
    })
    running.add(work)
  }
  const run = async (model: Model, made: MadeCall) => {
    try {
      await make(model, made, clock, stopping.signal)
      told(model.card.name, 'ok')
    } catch (error) {
      told(model.card.name, 'failed')
      log.debug({ model: model.card.name, err: error }, 'shadow call failed')
    }
  }
  return {
    copy(model, made) {
      if (stopping.signal.aborted) return
      if (waiting.length >= most.waiting) return told(model.card.name, 'left-out')
      waiting.push(() => run(model, made))
      // The live answer's last bytes go out first.
      setImmediate(next)
    },
    async stop() {
      stopping.abort()
      waiting.length = 0
      await Promise.all(running)
    },
  }
}

async function make(model: Model, made: MadeCall, clock: Clock, signal: AbortSignal): Promise<void> {
  const context = shadowContext(made.call.context, clock)
  switch (made.operation) {
    case 'chat':
      for await (const _ of model.chat({ ...made.call, context }, signal));
      return
    case 'complete':
      for await (const _ of model.complete({ ...made.call, context }, signal));
      return
    case 'embed':
      await model.embed({ ...made.call, context }, signal)
      return
    case 'rank':
      await model.rank({ ...made.call, context }, signal)
  }
}

/** Its request id leads back to the live call; who asked does not go along, and the prefix cache stays the workspace's own. */
function shadowContext({ requestId, cacheScope, adapters }: CallContext, clock: Clock): CallContext {
  return {
    ...{ requestId, cacheScope, ...(adapters !== undefined && { adapters }) },
    ...{ callId: newId('call', clock), workspace: shadowName, key: shadowName, class: 'batch' },
  }
}
