// The playground's state and what a person can do with it: ask, stop, add a model, start over.
import { useCallback, useEffect, useReducer, useRef } from 'react'
import { type Conversation, messagesFor, proceed } from './conversation.ts'
import { bodyOf, type Settings } from './settings.ts'
import { streamAnswer } from './stream.ts'

const fresh = () => crypto.randomUUID()

/** The conversation of one visit. `models` are those that can chat, the first one is chosen. */
export function useConversation(models: readonly string[]) {
  const [conversation, act] = useReducer(proceed, { columns: [], turns: [] } satisfies Conversation)
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

  const ask = (question: string, settings: Settings) => {
    const turn = fresh()
    act({ type: 'asked', id: turn, question })
    for (const { id: column, model } of conversation.columns) {
      const messages = messagesFor(column, conversation.turns, question, settings.system)
      const controller = new AbortController()
      running.current.add(controller)
      void streamAnswer(bodyOf(model, messages, settings), controller.signal, (answer) =>
        act({ type: 'answered', turn, column, answer }),
      ).finally(() => running.current.delete(controller))
    }
  }
  const last = conversation.turns.at(-1)
  const busy = conversation.columns.some(({ id }) => {
    const answer = last?.answers[id]
    return answer?.state === 'waiting' || answer?.state === 'writing'
  })
  return {
    conversation,
    busy,
    ask,
    stop,
    clear() {
      stop()
      act({ type: 'cleared' })
    },
    addColumn: (model: string) => act({ type: 'column-added', id: fresh(), model }),
    removeColumn: (id: string) => act({ type: 'column-removed', id }),
    chooseModel: (id: string, model: string) => act({ type: 'model-chosen', id, model }),
  }
}
