// The playground's state and what a person can do with it: ask, give results of calls, stop, add a model, start over.
import { useCallback, useEffect, useReducer, useRef } from 'react'
import { type CallResult, type Conversation, messagesFor, proceed, type Turn, turnsBefore } from './conversation.ts'
import { bodyOf, type Settings } from './settings.ts'
import { noAnswer, streamAnswer } from './stream.ts'

const fresh = () => crypto.randomUUID()

/** The conversation of one visit. `models` are those that can chat; without columns to begin with, the first one is chosen. */
export function useConversation(models: readonly string[], begin: Conversation) {
  const [conversation, act] = useReducer(proceed, begin)
  const running = useRef(new Set<AbortController>())

  // The list of models may come after the page, and a column needs one.
  const [first] = models
  const empty = conversation.columns.length === 0
  useEffect(() => {
    if (empty && first !== undefined) act({ type: 'column-added', id: fresh(), model: first })
  }, [empty, first])

  const stop = useCallback(() => {
    for (const controller of running.current) controller.abort()
  }, [])
  // Leaving the page ends what nobody will read.
  useEffect(() => stop, [stop])

  /** Has a column's model answer all that was said in its column. */
  const answer = (column: string, turns: readonly Turn[], settings: Settings) => {
    const last = turns.at(-1)
    const model = conversation.columns.find(({ id }) => id === column)?.model ?? ''
    if (last === undefined) return
    const place = { turn: last.id, column, step: last.steps[column]?.length ?? 0 }
    const controller = new AbortController()
    running.current.add(controller)
    act({ type: 'answered', ...place, answer: noAnswer })
    const body = bodyOf(model, messagesFor(column, turns, settings.system), settings)
    void streamAnswer(body, controller.signal, (state) => act({ type: 'answered', ...place, answer: state })).finally(
      () => running.current.delete(controller),
    )
  }
  /** Asks every column's model, after those turns. */
  const put = (question: string, images: readonly string[], settings: Settings, before: readonly Turn[]) => {
    const turn = { id: fresh(), question, images, steps: {} }
    act({ type: 'asked', id: turn.id, question, images })
    for (const { id } of conversation.columns) answer(id, [...before, turn], settings)
  }
  return {
    conversation,
    busy: conversation.turns.some((turn) => Object.values(turn.steps).flat().some(isRunning)),
    stop,
    ask: (question: string, images: readonly string[], settings: Settings) =>
      put(question, images, settings, conversation.turns),
    /** Takes a question back and asks it once more: every model answers anew. */
    askAgain({ id, question, images = [] }: Turn, settings: Settings) {
      act({ type: 'taken-back', id })
      put(question, images, settings, turnsBefore(conversation, id))
    },
    takeBack: (id: string) => act({ type: 'taken-back', id }),
    /** Gives the last step of a column what its calls gave, and has the model go on. */
    giveResults(column: string, results: Readonly<Record<string, CallResult>>, settings: Settings) {
      const last = conversation.turns.at(-1)
      if (last === undefined) return
      const act_ = {
        type: 'called',
        turn: last.id,
        column,
        step: (last.steps[column]?.length ?? 1) - 1,
        results,
      } as const
      act(act_)
      // Forced once more, it would call for ever.
      answer(column, proceed(conversation, act_).turns, {
        ...settings,
        toolChoice: settings.toolChoice === 'required' ? 'none' : settings.toolChoice,
      })
    },
    clear() {
      stop()
      act({ type: 'cleared' })
    },
    addColumn: (model: string) => act({ type: 'column-added', id: fresh(), model }),
    removeColumn: (id: string) => act({ type: 'column-removed', id }),
    chooseModel: (id: string, model: string) => act({ type: 'model-chosen', id, model }),
  }
}

function isRunning({ answer: { state } }: { readonly answer: { readonly state: string } }): boolean {
  return state === 'waiting' || state === 'writing'
}
