// What has been said in the playground: one list of questions, and beside each the answer of every column's model. Pure; speaks with nobody.
import type { Answer } from './stream.ts'

/** What somebody gave a model for one of the calls it wanted. */
export interface CallResult {
  /** JSON text; the arguments may have been changed before the call. */
  readonly arguments: string
  readonly result: string
}

/** One answer; where it wanted tools called, with what they gave. A model that got results answers again, in the next step. */
export interface Step {
  readonly answer: Answer
  /** By the call's id. */
  readonly results?: Readonly<Record<string, CallResult>>
}

/** A question and what each column's model did with it, by column. */
export interface Turn {
  readonly id: string
  readonly question: string
  /** Pictures that go with it, as `data:` addresses. */
  readonly images?: readonly string[]
  readonly steps: Readonly<Record<string, readonly Step[]>>
}

/** A column of the playground: a model that answers every question. */
export interface Column {
  readonly id: string
  readonly model: string
}

/** The whole of it. */
export interface Conversation {
  readonly columns: readonly Column[]
  readonly turns: readonly Turn[]
}

/** Where an answer stands. */
interface Place {
  readonly turn: string
  readonly column: string
  /** Which of the column's steps in this turn. */
  readonly step: number
}

/** What can happen. */
export type Act =
  | { readonly type: 'column-added'; readonly id: string; readonly model: string }
  | { readonly type: 'column-removed'; readonly id: string }
  | { readonly type: 'model-chosen'; readonly id: string; readonly model: string }
  | { readonly type: 'asked'; readonly id: string; readonly question: string; readonly images: readonly string[] }
  | ({ readonly type: 'answered'; readonly answer: Answer } & Place)
  | ({ readonly type: 'called'; readonly results: Readonly<Record<string, CallResult>> } & Place)
  /** A question is taken back, with all that was said after it. */
  | { readonly type: 'taken-back'; readonly id: string }
  | { readonly type: 'cleared' }

/** The most models side by side: more do not fit a screen. */
export const mostColumns = 4

/** What the conversation is after the act. */
export function proceed(before: Conversation, act: Act): Conversation {
  switch (act.type) {
    case 'column-added':
      if (before.columns.length >= mostColumns) return before
      return { ...before, columns: [...before.columns, { id: act.id, model: act.model }] }
    case 'column-removed':
      return { ...before, columns: before.columns.filter(({ id }) => id !== act.id) }
    case 'model-chosen':
      return {
        ...before,
        columns: before.columns.map((column) => (column.id === act.id ? { ...column, model: act.model } : column)),
      }
    case 'asked':
      return {
        ...before,
        turns: [...before.turns, { id: act.id, question: act.question, images: act.images, steps: {} }],
      }
    case 'answered':
      return withStep(before, act, (step) => ({ ...step, answer: act.answer }))
    case 'called':
      return withStep(before, act, (step) => ({ ...step, results: act.results }))
    case 'taken-back':
      return { ...before, turns: turnsBefore(before, act.id) }
    case 'cleared':
      return { ...before, turns: [] }
  }
}

/** What was said before a question. */
export function turnsBefore({ turns }: Conversation, id: string): readonly Turn[] {
  const place = turns.findIndex((turn) => turn.id === id)
  return place === -1 ? turns : turns.slice(0, place)
}

function withStep(before: Conversation, place: Place, change: (step: Step) => Step): Conversation {
  const changed = (steps: readonly Step[]) => {
    const next = [...steps]
    next[place.step] = change(steps[place.step] ?? ({} as Step))
    return next
  }
  return {
    ...before,
    turns: before.turns.map((turn) =>
      turn.id === place.turn
        ? { ...turn, steps: { ...turn.steps, [place.column]: changed(turn.steps[place.column] ?? []) } }
        : turn,
    ),
  }
}

/** A message as the API takes it. */
export interface SentMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string | readonly object[]
  readonly tool_calls?: readonly object[]
  readonly tool_call_id?: string
}

/** What a column's model is sent: the system prompt and what was said in its own column, down to the last question or results. */
export function messagesFor(column: string, turns: readonly Turn[], system: string): readonly SentMessage[] {
  const first: SentMessage[] = system.trim() === '' ? [] : [{ role: 'system', content: system }]
  const said = turns.flatMap((turn, place): readonly SentMessage[] => {
    const answers = (turn.steps[column] ?? []).flatMap(messagesOf)
    // A question that this model has not answered is not part of its conversation, unless it is the one to be answered now.
    if (answers.length === 0 && place < turns.length - 1) return []
    return [{ role: 'user', content: contentOf(turn) }, ...answers]
  })
  return [...first, ...said]
}

/** Text alone, or with pictures as parts. */
function contentOf({ question, images = [] }: Turn): SentMessage['content'] {
  if (images.length === 0) return question
  return [{ type: 'text', text: question }, ...images.map((url) => ({ type: 'image_url', image_url: { url } }))]
}

function messagesOf({ answer: { text, calls }, results }: Step): readonly SentMessage[] {
  // Calls that nobody answered cannot be sent: models want a result for each.
  if (calls.length === 0 || results === undefined) return text === '' ? [] : [{ role: 'assistant', content: text }]
  return [
    {
      role: 'assistant',
      content: text,
      tool_calls: calls.map(({ id, name, arguments: asked }) => ({
        id,
        type: 'function',
        function: { name, arguments: results[id]?.arguments ?? asked },
      })),
    },
    ...calls.map(({ id }): SentMessage => ({ role: 'tool', tool_call_id: id, content: results[id]?.result ?? '' })),
  ]
}
