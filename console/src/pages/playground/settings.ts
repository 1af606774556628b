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
  /** `auto` (or empty), `required` or `none`. */
  readonly toolChoice: string
  /** JSON text: the schema that the answer is held to. */
  readonly schema: string
  /** Name of a stored prompt that becomes the system message; empty: none. */
  readonly prompt: string
  /** Its version; empty: the latest. */
  readonly promptVersion: string
  /** JSON text: what its variables are filled with. */
  readonly variables: string
}

/** What a new playground starts with. */
export const usualSettings: Settings = {
  ...{ system: '', temperature: '', topP: '', maxTokens: '', seed: '', logprobs: false },
  ...{ tools: '', toolChoice: '', schema: '', prompt: '', promptVersion: '', variables: '' },
}

/** Settings from something that was stored: what is no setting is left out. */
export function readSettings(stored: unknown): Settings {
  const given = (typeof stored === 'object' && stored !== null ? stored : {}) as Readonly<Record<string, unknown>>
  const known = Object.entries(usualSettings).map(([name, usual]) => [
    name,
    typeof given[name] === typeof usual ? given[name] : usual,
  ])
  return Object.fromEntries(known) as Settings
}

/** The setting whose text is no valid JSON of its kind, if any. */
export function faultOf(settings: Settings): 'tools' | 'schema' | undefined {
  if (settings.tools.trim() !== '' && !Array.isArray(parse(settings.tools))) return 'tools'
  return settings.schema.trim() !== '' && !isSchema(settings.schema) ? 'schema' : undefined
}

/** Whether a JSON text is an object, as schemas are. */
export function isSchema(text: string): boolean {
  const schema = parse(text)
  return typeof schema === 'object' && schema !== null && !Array.isArray(schema)
}

/** Why a text is no JSON, in the browser's words, which name the place; undefined where it is. */
export function reasonAgainst(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** The variables of the prompt, by name. */
export function variablesOf({ variables }: Settings): Readonly<Record<string, string>> {
  const value = parse(variables)
  return typeof value === 'object' && value !== null ? (value as Record<string, string>) : {}
}

/** The body of `POST /v1/chat/completions`, without `stream`. */
export function bodyOf(
  model: string,
  messages: readonly SentMessage[],
  settings: Settings,
): Readonly<Record<string, unknown>> {
  const number = (text: string) => (text.trim() === '' ? undefined : Number(text))
  const tools = parse(settings.tools)
  const fields = {
    temperature: number(settings.temperature),
    top_p: number(settings.topP),
    max_tokens: number(settings.maxTokens),
    seed: number(settings.seed),
    ...(settings.logprobs && { logprobs: true, top_logprobs: 5 }),
    ...(settings.prompt !== '' && { prompt: promptOf(settings) }),
    ...(Array.isArray(tools) &&
      tools.length > 0 && { tools, ...(settings.toolChoice !== '' && { tool_choice: settings.toolChoice }) }),
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

function promptOf(settings: Settings): object {
  const variables = variablesOf(settings)
  return {
    id: settings.prompt,
    ...(settings.promptVersion !== '' && { version: Number(settings.promptVersion) }),
    ...(Object.keys(variables).length > 0 && { variables }),
  }
}

/** The value of a JSON text; undefined where it is none. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
