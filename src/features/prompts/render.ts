// Fills a stored prompt in, in a thread with limits of time and memory. Knows no database.
import { fail } from '../../base/errors.ts'
import { LimitedWorker } from '../../base/limited-worker.ts'
import { programUrl } from '../../base/program-files.ts'
import type { RenderAnswer, RenderQuestion } from './render-worker.ts'
import type { PromptVersion } from './store.ts'

/** Fills prompts in. */
export interface PromptRenderer {
  /** The text. Throws `invalid_value` for a variable that is missing or not one of the prompt's, `template_rejected` for a template that fails. */
  render(prompt: PromptVersion, variables: RenderQuestion['variables']): Promise<string>
  /** Why a template cannot be used; undefined where it can. */
  check(content: string): Promise<string | undefined>
  close(): Promise<void>
}

const renderMs = 1_000
const heapMegabytes = 64
const idleMs = 60_000
/** A thread that starts on a busy machine takes its time: that is not the template's. */
const startMs = 30_000
/** Texts longer than this are no prompts. */
const longestText = 1_000_000

/** A renderer; its thread starts with the first prompt. */
export function promptRenderer(): PromptRenderer {
  const worker = new LimitedWorker<RenderAnswer>({
    script: programUrl('features/prompts/render-worker'),
    heapMegabytes,
    idleMilliseconds: idleMs,
    greeting: { message: async (): Promise<RenderQuestion> => ({ content: '', variables: {} }), milliseconds: startMs },
  })
  const ask = async (question: RenderQuestion): Promise<RenderAnswer> =>
    (await worker.ask(question, renderMs)) ?? { reason: `it takes more than ${renderMs} ms or ${heapMegabytes} MiB` }
  return {
    async render({ prompt, version }, variables) {
      const names = JSON.parse(version.variables) as readonly string[]
      const missing = names.find((name) => !Object.hasOwn(variables, name))
      if (missing !== undefined) throw wrong(prompt.name, `"${missing}" is missing`)
      const strange = Object.keys(variables).find((name) => !names.includes(name))
      if (strange !== undefined) throw wrong(prompt.name, `it has no variable "${strange}"`)
      const answer = await ask({ content: version.content, variables })
      if ('reason' in answer) throw fail('template_rejected', { reason: answer.reason })
      if (answer.text.length > longestText)
        throw fail('template_rejected', { reason: `its text is longer than ${longestText} characters` })
      return answer.text
    },
    async check(content) {
      // Variables are not known here: what only a value could decide is found when the prompt is used.
      const answer = await ask({ content, variables: {} })
      return 'reason' in answer && /cannot be parsed|takes more than/.test(answer.reason) ? answer.reason : undefined
    },
    close: () => worker.stop(),
  }
}

function wrong(name: string, reason: string) {
  return fail('invalid_value', {
    param: 'prompt.variables',
    reason: `the prompt "${name}" is filled in with its own variables: ${reason}`,
  })
}

/** The names that a template is filled in with, as far as its text shows them: what is set inside is not among them. */
export function variablesOf(content: string): readonly string[] {
  const inside = [...content.matchAll(/\{[{%]-?([\s\S]*?)-?[}%]\}/g)].map((match) => match[1] ?? '').join('\n')
  const made = new Set(
    [...inside.matchAll(/\b(?:set|for)\s+([\w, ]+?)\s*(?:=|in\b)/g)].flatMap((match) => (match[1] ?? '').split(/,\s*/)),
  )
  const words = inside
    .replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, ' ')
    .replace(/\|\s*\w+|\.\s*\w+|\w+\s*=(?!=)|\bis\s+(?:not\s+)?\w+/g, ' ')
    .match(/[A-Za-z_]\w*/g)
  return [...new Set(words ?? [])].filter((word) => !made.has(word) && !keywords.has(word))
}

const keywords: ReadonlySet<string> = new Set(
  'if elif else endif for endfor in not and or is set endset macro endmacro call endcall filter endfilter true false none True False None loop range namespace raw endraw break continue'.split(
    ' ',
  ),
)
