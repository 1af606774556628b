// What to try when a plan found less memory than it was promised: shorter streams, then fewer. Pure; never less than the user asked for.

import type { ModelHeader } from './header-types.ts'
import { type Plan, type PlanWishes, planModel } from './plan.ts'
import type { Machine } from './plan-machine.ts'

/** A stream shorter than this serves nobody. */
const leastContextLength = 512

/** The plan, and then smaller ones, one at a time. What the user fixed stays as it is. */
export function* smallerPlans(
  header: ModelHeader,
  machine: Machine,
  wishes: PlanWishes,
  plan: Plan,
): Generator<Plan, void> {
  yield plan
  // A model without memory of what it read takes whole texts: there is nothing to make shorter.
  if (!plan.causal) return
  let { streams, contextLength } = plan
  const again = () => planModel(header, machine, { ...wishes, streams, contextLength })
  while (wishes.contextLength === undefined && contextLength / 2 >= leastContextLength) {
    contextLength = Math.ceil(contextLength / 512) * 256
    yield again()
  }
  while (wishes.streams === undefined && streams > 1) {
    streams = Math.floor(streams / 2)
    yield again()
  }
}
