// The thread where stored prompts are parsed and filled in: a template may loop or grow, and then only this thread does.
import { parentPort } from 'node:worker_threads'
import { Failure } from '../../base/errors.ts'
import { compileTemplate } from '../../formats/jinja.ts'

/** What the thread is asked: a template and what it is filled with. */
export interface RenderQuestion {
  readonly content: string
  readonly variables: Readonly<Record<string, string | number | boolean>>
}

/** What it answers: the text, or why there is none. */
export type RenderAnswer = { readonly text: string } | { readonly reason: string }

parentPort?.on('message', ({ content, variables }: RenderQuestion) => {
  const length = Object.values(variables).reduce<number>((sum, value) => sum + String(value).length, 0)
  try {
    const text = compileTemplate(content).render(variables, length)
    parentPort?.postMessage({ text } satisfies RenderAnswer)
  } catch (error) {
    const fields = error instanceof Failure ? error.fields['reason'] : undefined
    parentPort?.postMessage({ reason: String(fields ?? (error as Error).message) } satisfies RenderAnswer)
  }
})
