// Requests that name a stored prompt become such as hold its text; which version it was goes with the call. One function per endpoint.
import { fail } from '../../base/errors.ts'
import type { ChatRequest } from '../../wire/chat.ts'
import type { CompletionRequest } from '../../wire/completions.ts'
import type { PromptReference } from '../../wire/prompts.ts'
import type { ResponseRequest } from '../../wire/responses.ts'
import type { FilledPrompt, FillPrompt } from './fill.ts'
import type { PromptReader } from './store.ts'

/** Who asks, and what fills prompts in; without `fill` there are none. */
export interface PromptSource {
  readonly reader: PromptReader
  readonly fill: FillPrompt | undefined
}

/** A body as a model's call is prepared from it. */
export interface Applied<Body> {
  readonly body: Body
  readonly label: FilledPrompt['label'] | undefined
}

/** The body of a completion whose prompt is there. */
export type FilledCompletion = Omit<CompletionRequest, 'prompt'> & {
  readonly prompt: Exclude<CompletionRequest['prompt'], PromptReference>
}

/** Chat: the prompt is the first system message. */
export async function applyToChat(body: ChatRequest, source: PromptSource): Promise<Applied<ChatRequest>> {
  const { prompt, ...rest } = body
  if (prompt == null) return { body, label: undefined }
  const { text, label } = await filled(prompt, source)
  return { body: { ...rest, messages: [{ role: 'system' as const, content: text }, ...rest.messages] }, label }
}

/** Responses: the prompt stands before the request's own instructions. */
export async function applyToResponse(body: ResponseRequest, source: PromptSource): Promise<Applied<ResponseRequest>> {
  const { prompt, ...rest } = body
  if (prompt == null) return { body, label: undefined }
  const { text, label } = await filled(prompt, source)
  const instructions = [text, rest.instructions].filter((part) => typeof part === 'string').join('\n\n')
  return { body: { ...rest, instructions }, label }
}

/** Completions: the prompt is the text to continue. */
export async function applyToCompletion(
  { prompt, ...rest }: CompletionRequest,
  source: PromptSource,
): Promise<Applied<FilledCompletion>> {
  if (typeof prompt === 'string' || Array.isArray(prompt)) return { body: { ...rest, prompt }, label: undefined }
  const { text, label } = await filled(prompt, source)
  return { body: { ...rest, prompt: text }, label }
}

async function filled(prompt: PromptReference, { reader, fill }: PromptSource): Promise<FilledPrompt> {
  if (fill === undefined) throw fail('unsupported_value', { param: 'prompt', reason: 'this server keeps no prompts' })
  return await fill(reader, prompt)
}
