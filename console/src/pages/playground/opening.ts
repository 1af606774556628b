// What a playground begins with: nothing, something shared by link, the conversation of a trace, or a stored prompt. Pure: what was stored
// is a stranger's, so each piece is looked at.
import type { Static } from 'typebox'
import type { WholeTraceObject } from '../../../../src/wire/observability.ts'
import { messagesOf, type SaidMessage } from '../../server/said.ts'
import { type CallResult, type Conversation, mostColumns, type Step, type Turn } from './conversation.ts'
import { readSettings, type Settings, usualSettings } from './settings.ts'
import { type Answer, noAnswer } from './stream.ts'

/** The beginning. */
export interface Opening {
  readonly settings: Settings
  readonly conversation: Conversation
  /** Already typed, to be sent. */
  readonly question: string
}

/** An empty playground. */
export const emptyOpening: Opening = {
  settings: usualSettings,
  conversation: { columns: [], turns: [] },
  question: '',
}

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)
const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : [])

/** What is put into a share: all that others need to see the same, and no error of ours. */
export function sharedOf({ columns, turns }: Conversation, settings: Settings): object {
  return {
    kind: 'playground',
    settings,
    columns,
    turns: turns.map((turn) => ({
      ...turn,
      steps: Object.fromEntries(
        Object.entries(turn.steps).map(([column, steps]) => [
          column,
          steps.map(({ answer: { error: _, ...answer }, results }) => ({ answer, ...(results && { results }) })),
        ]),
      ),
    })),
  }
}

/** The beginning that a share holds; undefined where it holds something else. */
export function openingOfShare(content: unknown): Opening | undefined {
  if (!isObject(content) || content['kind'] !== 'playground') return undefined
  const columns = listOf(content['columns'])
    .slice(0, mostColumns)
    .map((column) => ({ id: textOf(column['id']), model: textOf(column['model']) }))
  const turns = listOf(content['turns']).map(
    (turn): Turn => ({
      id: textOf(turn['id']) || crypto.randomUUID(),
      question: textOf(turn['question']),
      steps: Object.fromEntries(
        Object.entries(isObject(turn['steps']) ? turn['steps'] : {}).map(([column, steps]) => [
          column,
          listOf(steps).map(stepOf),
        ]),
      ),
    }),
  )
  return { settings: readSettings(content['settings']), conversation: { columns, turns }, question: '' }
}

function stepOf(step: Json): Step {
  const results = Object.entries(isObject(step['results']) ? step['results'] : {}).map(
    ([id, result]): [string, CallResult] => {
      const given = isObject(result) ? result : {}
      return [id, { arguments: textOf(given['arguments']), result: textOf(given['result']) }]
    },
  )
  const answer = answerOf(isObject(step['answer']) ? step['answer'] : {})
  return { answer, ...(results.length > 0 && { results: Object.fromEntries(results) }) }
}

function answerOf(stored: Json): Answer {
  return {
    ...noAnswer,
    // What was being written when it was shared is not written on.
    state: stored['state'] === 'done' ? 'done' : 'stopped',
    text: textOf(stored['text']),
    reasoning: textOf(stored['reasoning']),
    calls: listOf(stored['calls']).map((call) => ({
      ...{ id: textOf(call['id']), name: textOf(call['name']), arguments: textOf(call['arguments']) },
    })),
    likelihoods: listOf(stored['likelihoods']).map((one) => ({
      ...likelihoodOf(one),
      others: listOf(one['others']).map(likelihoodOf),
    })),
    firstTokenMs: numberOf(stored['firstTokenMs']),
    totalMs: numberOf(stored['totalMs']),
    promptTokens: numberOf(stored['promptTokens']),
    cachedTokens: numberOf(stored['cachedTokens']),
    completionTokens: numberOf(stored['completionTokens']),
  }
}

/** A token that is not known to be likely is certain: it says nothing. */
const likelihoodOf = (one: Json) => ({ token: textOf(one['token']), logprob: numberOf(one['logprob']) ?? 0 })

type WholeTrace = Static<typeof WholeTraceObject>

/**
 * The conversation of a trace, its last question to be asked again: of the model that answered it, and of another beside it.
 * Undefined where what was said is not kept.
 */
export function openingOfTrace({ spans }: WholeTrace, models: readonly string[]): Opening | undefined {
  const span = spans.find(({ input_messages: said }) => messagesOf(said).some(({ role }) => role === 'user'))
  if (span === undefined) return undefined
  const said = messagesOf(span.input_messages)
  const model = models.find((one) => one === span.request_model) ?? models[0] ?? ''
  const other = models.find((one) => one !== model)
  const columns = [model, ...(other === undefined ? [] : [other])].map((name) => ({
    ...{ id: crypto.randomUUID(), model: name },
  }))
  const system = said.filter(({ role }) => role === 'system' || role === 'developer').map(wordsOf)
  const asked = said.findLastIndex(({ role }) => role === 'user')
  const { request_temperature: temperature, request_max_tokens: most, request_seed: seed } = span
  const settings = {
    ...usualSettings,
    system: system.join('\n\n'),
    temperature: temperature === null ? '' : String(temperature),
    maxTokens: most > 0 ? String(most) : '',
    seed: seed > 0 ? String(seed) : '',
  }
  const turns = turnsOf(said.slice(0, asked), columns)
  return { settings, conversation: { columns, turns }, question: wordsOf(said[asked] as SaidMessage) }
}

/** Questions with the answers that they had, the same in every column. */
function turnsOf(said: readonly SaidMessage[], columns: Conversation['columns']): readonly Turn[] {
  const turns: Turn[] = []
  for (const message of said) {
    const last = turns.at(-1)
    if (message.role === 'user') turns.push({ id: crypto.randomUUID(), question: wordsOf(message), steps: {} })
    else if (message.role === 'assistant' && last !== undefined) {
      const step = { answer: { ...noAnswer, state: 'done' as const, text: wordsOf(message) } }
      turns[turns.length - 1] = { ...last, steps: Object.fromEntries(columns.map(({ id }) => [id, [step]])) }
    }
  }
  return turns
}

function wordsOf({ parts }: SaidMessage): string {
  return parts
    .map((part) => part['content'])
    .filter((content) => typeof content === 'string')
    .join('\n')
}
