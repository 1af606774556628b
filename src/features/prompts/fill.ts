// A prompt that a request names, filled in; the call's labels tell which version it was.
import type { CallContext } from '../../wire/model.ts'
import type { PromptReference } from '../../wire/prompts.ts'
import type { PromptRenderer } from './render.ts'
import type { PromptReader, PromptStore } from './store.ts'

/** Fills named prompts in. */
export type FillPrompt = (reader: PromptReader, reference: PromptReference) => Promise<FilledPrompt>

/** A prompt's text, and what a trace says of it. */
export interface FilledPrompt {
  readonly text: string
  readonly label: NonNullable<NonNullable<CallContext['labels']>['prompt']>
}

/** Over the store and the renderer. A version is a number, in digits or not, or an alias. */
export function promptFiller(store: PromptStore, renderer: PromptRenderer): FillPrompt {
  return async (reader, { id, version, variables }) => {
    const isNumber = typeof version === 'number' || /^\d{1,9}$/.test(version ?? '')
    const choice = version == null ? {} : isNumber ? { version: Number(version) } : { alias: String(version) }
    const found = await store.find(reader, id, choice)
    const text = await renderer.render(found, variables ?? {})
    return { text, label: { name: found.prompt.name, version: found.version.version } }
  }
}
