// Chooses the chat format and the fill-in-the-middle form of a vocabulary from its GGUF's metadata.

import { fallbackTemplate } from './fallback-templates.ts'
import type { ChatFormat, VocabularyFacts } from './format.ts'
import { hermesSyntax } from './hermes.ts'
import { compileTemplate } from './jinja.ts'
import { llama3Syntax } from './llama-3.ts'
import { mistralFormat } from './mistral.ts'
import { mistralVersion } from './mistral-version.ts'
import { templatedFormat } from './templated.ts'

/** Tokens that end a turn; llama.cpp knows most of them as end-of-generation tokens, not all. */
const turnEnds = ['<|im_end|>', '<|eot_id|>', '<|eom_id|>', '<end_of_turn>', '<|end|>', '<|endoftext|>'] as const

/**
 * The format of a model. Mistral's own formats are written natively; every other model speaks its template's format, with calls in
 * Hermes' or Llama 3's syntax where the template prints them, else told in plain text (`generic`).
 * A model without a template gets one by its control tokens (`fallback-templates.ts`).
 */
export function detectFormat(facts: VocabularyFacts): ChatFormat {
  const version = mistralVersion(facts)
  if (version !== undefined && (version.controlTokens || writesMistralV1(facts.chatTemplate ?? ''))) {
    return mistralFormat(version, facts)
  }
  const fallback = facts.chatTemplate === undefined ? fallbackTemplate(facts) : undefined
  const source = facts.chatTemplate ?? fallback?.source ?? ''
  const { name, native } = callsOf(source, facts)
  return templatedFormat(
    {
      name: fallback === undefined ? name : `${name}-${fallback.name}`,
      template: compileTemplate(source),
      syntax: name === 'llama-3' ? llama3Syntax(facts) : hermesSyntax(facts),
      nativeTools: native,
      describable: name !== 'llama-3',
      reasoning: reasons(source, facts) ? { open: '<think>', close: '</think>' } : undefined,
      stopTokens: fallback?.stopTokens ?? turnEnds.filter((token) => facts.tokens.has(token) && source.includes(token)),
      stopStrings: fallback?.stopStrings ?? [],
    },
    facts,
  )
}

/** Other families put `[INST]` into text too: v1 is what the template writes like v1, white space aside. */
function writesMistralV1(source: string): boolean {
  const messages = [
    { role: 'user', content: 'A' },
    { role: 'assistant', content: 'B' },
    { role: 'user', content: 'C' },
  ]
  try {
    const written = compileTemplate(source).render({ messages, bos_token: '<s>', eos_token: '</s>' }, 3)
    return written.replace(/\s/gu, '') === '<s>[INST]A[/INST]B</s>[INST]C[/INST]'
  } catch {
    return false
  }
}

/** How calls are written. A template that prints tools in a syntax unknown here is used without its tools. */
function callsOf(source: string, facts: VocabularyFacts): { name: string; native: boolean } {
  const printsTools = /\btools\b/.test(source)
  if (printsTools && writesHermesCalls(source)) return { name: 'hermes', native: true }
  if (printsTools && source.includes('ipython') && facts.tokens.has('<|python_tag|>')) {
    return { name: 'llama-3', native: true }
  }
  return { name: source.includes('<|im_start|>') ? 'hermes' : 'generic', native: false }
}

/** `<tool_call>` around JSON with `name` and `arguments`; Qwen3-Coder and GLM put XML inside the same tags. */
function writesHermesCalls(source: string): boolean {
  const hasTags = source.includes('<tool_call>') && /name\\?["']/.test(source) && source.includes('arguments')
  return hasTags && !source.includes('<function=') && !source.includes('<arg_key>')
}

function reasons(source: string, facts: VocabularyFacts): boolean {
  return source.includes('<think>') || source.includes('</think>') || facts.tokens.has('<think>')
}
