// What a person sets for the answers of the playground, and the request body it makes. Pure.
import type { SentMessage } from './conversation.ts'

/** Empty texts mean: the model's default. */
export interface Settings {
  readonly system: string
  readonly temperature: string
  readonly topP: string
  readonly maxTokens: string
  readonly seed: string
  readonly logprobs: boolean
  /** JSON text: a list of tools. */
  readonly tools: string
  /** JSON text: the schema that the answer is held to. */
  readonly schema: string
}

/** What a new playground starts with. */
export const usualSettings: Settings = {
  system: '',
  temperature: '',
  topP: '',
  maxTokens: '',
  seed: '',
  logprobs: false,
  tools: '',
  schema: '',
}

/** The setting whose text is no valid JSON of its kind, if any. */
export function faultOf(settings: Settings): 'tools' | 'schema' | undefined {
  if (settings.tools.trim() !== '' && !Array.isArray(parse(settings.tools))) return 'tools'
  const schema = parse(settings.schema)
  if (settings.schema.trim() !== '' && (typeof schema !== 'object' || schema === null)) return 'schema'
  return undefined
}

/** The body of `POST /v1/chat/completions`, without `stream`. */
export function bodyOf(
  model: string,
  messages: readonly SentMessage[],
  settings: Settings,
): Readonly<Record<string, unknown>> {
  const number = (text: string) => (text.trim() === '' ? undefined : Number(text))
  const fields = {
    temperature: number(settings.temperature),
    top_p: number(settings.topP),
    max_tokens: number(settings.maxTokens),
    seed: number(settings.seed),
    ...(settings.logprobs && { logprobs: true, top_logprobs: 5 }),
    ...(settings.tools.trim() !== '' && { tools: parse(settings.tools) }),
    ...(settings.schema.trim() !== '' && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: parse(settings.schema), strict: true },
      },
    }),
  }
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return { model, messages, ...Object.fromEntries(given) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
