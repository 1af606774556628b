// Tells which of Mistral's chat formats a vocabulary and its template speak, and what sets each apart.

import type { VocabularyFacts } from './format.ts'

/** The differences between the formats, read off `mistral-common`'s output. */
export interface MistralVersion {
  readonly name: 'v1' | 'v2' | 'v3' | 'v7' | 'v11' | 'v13'
  /** `[INST]` and `[/INST]` are control tokens; in v1 they are text. */
  readonly controlTokens: boolean
  /** Where the system prompt goes: before the text of a user turn, or in its own place. */
  readonly system: 'first-user' | 'last-user' | 'own-turn'
  /** Before which user turn the tools stand. */
  readonly tools: 'described' | 'last-user' | 'first-user'
  /** Calls and results before the last user turn are left out. */
  readonly forgetsOldCalls: boolean
  /** A conversation cannot start with the assistant. */
  readonly startsWithUser: boolean
  /** Trailing spaces of the assistant's text are cut. */
  readonly trimsAnswers: boolean
  /** Results stand in the order of their calls. */
  readonly sortsResults: boolean
  readonly calls: 'json-list' | 'json-list-with-ids' | 'named-with-ids' | 'named'
  readonly results: 'json-list' | 'json-object' | 'id-and-content' | 'content'
}

const v1: MistralVersion = {
  name: 'v1',
  controlTokens: false,
  system: 'first-user',
  tools: 'described',
  forgetsOldCalls: false,
  startsWithUser: true,
  trimsAnswers: false,
  sortsResults: false,
  calls: 'json-list',
  results: 'json-list',
}
const v2: MistralVersion = {
  ...v1,
  name: 'v2',
  controlTokens: true,
  system: 'last-user',
  tools: 'last-user',
  forgetsOldCalls: true,
  trimsAnswers: true,
}
const v3: MistralVersion = {
  ...v2,
  name: 'v3',
  forgetsOldCalls: false,
  calls: 'json-list-with-ids',
  results: 'json-object',
}
const v7: MistralVersion = { ...v3, name: 'v7', system: 'own-turn', startsWithUser: false, results: 'id-and-content' }
const v11: MistralVersion = { ...v7, name: 'v11', sortsResults: true, calls: 'named-with-ids' }
const v13: MistralVersion = { ...v11, name: 'v13', tools: 'first-user', calls: 'named', results: 'content' }

/**
 * The version, or undefined when this is none of Mistral's formats. A template wins over the vocabulary, because later vocabularies
 * list tokens that earlier formats do not use (NeMo speaks v3 and knows `[SYSTEM_PROMPT]`).
 */
export function mistralVersion(facts: VocabularyFacts): MistralVersion | undefined {
  const { chatTemplate: template } = facts
  if (template !== undefined && (!template.includes('[INST]') || template.includes('<<SYS>>'))) return undefined
  const has = (token: string) => facts.tokens.has(token)
  if (!has('[INST]')) return template === undefined ? undefined : v1
  // Without any sign of tools a template says nothing about the version beyond its system prompt.
  const speaks = (token: string) => has(token) && (template === undefined || template.includes(token))
  if (!speaks('[SYSTEM_PROMPT]')) return has('[SUFFIX]') ? v3 : v2
  const knowsCalls = template?.includes('[TOOL_CALLS]') ?? false
  if (!has('[ARGS]') || (knowsCalls && !speaks('[ARGS]'))) return v7
  if (knowsCalls) return speaks('[CALL_ID]') ? v11 : v13
  return has('[THINK]') ? v13 : v11
}
