// Reserves tokens and money before a call begins and settles them when it ends, so that no limit and no budget is passed. Wraps a Model and is one.
import type {
  CallContext,
  ChatCall,
  CompletionCall,
  EmbeddingResult,
  Model,
  ModelEvent,
  RankingResult,
} from '../../wire/model.ts'
import { chatCount, completionCount, inputsCount, rankingCount } from './count.ts'
import { answerBound, tokensOf, usualAnswer } from './estimate.ts'
import { type Held, holdFor, type Reserving, type Wanted } from './hold.ts'
import { withLimits } from './refusals.ts'

/**
 * Puts reservations around a meter: `reserve` before it, and `confirm` behind it, where the prompt is counted. A call that has no room is
 * refused there, before the meter has seen it begin, and costs nothing.
 */
export interface Reserver {
  reserve(metered: Model): Model
  confirm(bare: Model): Model
}

/** A reserver for all models; the two halves know a call by its id. */
export function createReserver(tools: Reserving): Reserver {
  const open = new Map<string, Held>()
  return { reserve: (metered) => reserve(metered, tools, open), confirm: (bare) => confirm(bare, open) }
}

function reserve(model: Model, tools: Reserving, open: Map<string, Held>): Model {
  const hold = async (wanted: Omit<Wanted, 'card'>): Promise<Held> => {
    const held = await holdFor({ ...wanted, card: model.card }, tools)
    open.set(held.callId, held)
    return held
  }
  const settle = (held: Held) => {
    open.delete(held.callId)
    held.settle()
  }
  async function* generate<Call extends ChatCall | CompletionCall>(
    call: Call,
    wanted: Omit<Wanted, 'card' | 'context' | 'completionTokens'>,
    start: (call: Call) => AsyncIterable<ModelEvent>,
  ): AsyncGenerator<ModelEvent, void> {
    const bound = answerBound(call, model.card)
    const held = await hold({ ...wanted, context: call.context, completionTokens: bound.tokens })
    try {
      let seen = 0
      for await (const event of start({ ...call, context: named(call.context, held) })) {
        if (event.type === 'end') await held.end(event.usage)
        else if (bound.grows) {
          seen += tokensOf(event)
          // Half a step ahead, so that a stream never waits while there is room.
          if (seen + usualAnswer / 2 > held.completionTokens()) await held.grow(usualAnswer)
        }
        yield event
      }
    } catch (error) {
      throw withLimits(error, held.state())
    } finally {
      settle(held)
    }
  }
  const once = async <Result extends EmbeddingResult | RankingResult>(
    wanted: Omit<Wanted, 'card' | 'completionTokens'>,
    start: (context: CallContext) => Promise<Result>,
  ): Promise<Result> => {
    const held = await hold({ ...wanted, completionTokens: 0 })
    try {
      return await start(named(wanted.context, held))
    } catch (error) {
      throw withLimits(error, held.state())
    } finally {
      settle(held)
    }
  }
  return {
    get card() {
      return model.card
    },
    ...unchanged(model),
    chat: (call, signal) =>
      generate(call, { operation: 'chat', ...chatCount(model, call, signal) }, (named) => model.chat(named, signal)),
    complete: (call, signal) =>
      generate(call, { operation: 'complete', ...completionCount(model, call, signal) }, (named) =>
        model.complete(named, signal),
      ),
    embed: (call, signal) =>
      once({ operation: 'embed', context: call.context, ...inputsCount(model, call, signal) }, (context) =>
        model.embed({ ...call, context }, signal),
      ),
    rank: (call, signal) =>
      once({ operation: 'rank', context: call.context, ...rankingCount(model, call, signal) }, (context) =>
        model.rank({ ...call, context }, signal),
      ),
  }
}

/** Holds exactly what the model counted, or throws before anybody has seen that it began. */
function confirm(model: Model, open: ReadonlyMap<string, Held>): Model {
  const heldFor = ({ callId }: CallContext) => (callId === undefined ? undefined : open.get(callId))
  async function* generate(context: CallContext, events: AsyncIterable<ModelEvent>): AsyncGenerator<ModelEvent, void> {
    const held = heldFor(context)
    for await (const event of events) {
      if (event.type !== 'started' || held === undefined) {
        yield event
        continue
      }
      await held.begin(event.promptTokens)
      yield { ...event, limits: held.state() }
    }
  }
  const once = async <Result extends EmbeddingResult | RankingResult>(
    context: CallContext,
    result: Promise<Result>,
  ): Promise<Result> => {
    const held = heldFor(context)
    const answer = await result
    if (held === undefined) return answer
    await held.begin(answer.promptTokens)
    return { ...answer, limits: held.state() }
  }
  return {
    get card() {
      return model.card
    },
    ...unchanged(model),
    chat: (call, signal) => generate(call.context, model.chat(call, signal)),
    complete: (call, signal) => generate(call.context, model.complete(call, signal)),
    embed: (call, signal) => once(call.context, model.embed(call, signal)),
    rank: (call, signal) => once(call.context, model.rank(call, signal)),
  }
}

/** The call's id goes on, so that its usage row and its reservation are one. */
function named(context: CallContext, { callId }: Held): CallContext {
  return { ...context, callId }
}

/** What takes no stream and costs nothing passes. */
function unchanged(model: Model) {
  return {
    load: () => model.load(),
    tokenize: (...call: Parameters<Model['tokenize']>) => model.tokenize(...call),
    detokenize: (...call: Parameters<Model['detokenize']>) => model.detokenize(...call),
    tokenizer: () => model.tokenizer(),
  }
}
