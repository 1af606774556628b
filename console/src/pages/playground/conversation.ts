// What has been said in the playground: one list of questions, and beside each the answer of every column's model. Pure; speaks with nobody.
import type { Answer } from './stream.ts'

/** A question and its answers, by column. */
export interface Turn {
  readonly id: string
  readonly question: string
  readonly answers: Readonly<Record<string, Answer>>
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

/** What can happen. */
export type Act =
  | { readonly type: 'column-added'; readonly id: string; readonly model: string }
  | { readonly type: 'column-removed'; readonly id: string }
  | { readonly type: 'model-chosen'; readonly id: string; readonly model: string }
  | { readonly type: 'asked'; readonly id: string; readonly question: string }
  | { readonly type: 'answered'; readonly turn: string; readonly column: string; readonly answer: Answer }
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
      return { ...before, turns: [...before.turns, { id: act.id, question: act.question, answers: {} }] }
    case 'answered':
      return { ...before, turns: before.turns.map((turn) => withAnswer(turn, act)) }
    case 'cleared':
      return { ...before, turns: [] }
  }
}

function withAnswer(turn: Turn, act: Extract<Act, { type: 'answered' }>): Turn {
  return turn.id === act.turn ? { ...turn, answers: { ...turn.answers, [act.column]: act.answer } } : turn
}

/** A message as the API takes it. */
export interface SentMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** What a column's model is sent: the system prompt, what was said in its own column before, and the new question. */
export function messagesFor(
  column: string,
  turns: readonly Turn[],
  question: string,
  system: string,
): readonly SentMessage[] {
  const before = turns.flatMap((turn): SentMessage[] => {
    const answer = turn.answers[column]
    // A question that this model has not answered is not part of its conversation.
    if (answer === undefined || answer.text === '') return []
    return [
      { role: 'user', content: turn.question },
      { role: 'assistant', content: answer.text },
    ]
  })
  const first: SentMessage[] = system.trim() === '' ? [] : [{ role: 'system', content: system }]
  return [...first, ...before, { role: 'user', content: question }]
}
