// Prompts as one thing: the store, the thread that fills them in, and the step that a chat request takes.
import type { Clock } from '../../base/clock.ts'
import type { Database } from '../../database/connect.ts'
import { type FillPrompt, promptFiller } from './fill.ts'
import { promptRenderer } from './render.ts'
import type { PromptParts } from './routes.ts'
import { promptStore } from './store.ts'

/** Open prompts. */
export interface Prompts extends PromptParts {
  readonly fill: FillPrompt
  close(): Promise<void>
}

/** Opens them over a database. */
export function openPrompts(database: Database, clock: Clock): Prompts {
  const store = promptStore(database, clock)
  const renderer = promptRenderer()
  return { store, renderer, fill: promptFiller(store, renderer), close: () => renderer.close() }
}
