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
  if (version !== undefined) return mistralFormat(version, facts)
  const fallback = facts.chatTemplate === undefined ? fallbackTemplate(facts) : undefined
  const source = facts.chatTemplate ?? fallback?.source ?? ''
  const { name, native } = callsOf(source, facts)
  return templatedFormat(
    {
      name: fallback === undefined ? name : `${name}-${fallback.name}`,
      template: compileTemplate(source),
      syntax: name === 'llama-3' ? llama3Syntax(facts) : hermesSyntax(facts),
      nativeTools: native,
      reasoning: reasons(source, facts) ? { open: '<think>', close: '</think>' } : undefined,
      stopTokens: fallback?.stopTokens ?? turnEnds.filter((token) => facts.tokens.has(token) && source.includes(token)),
      stopStrings: fallback?.stopStrings ?? [],
    },
    facts,
  )
}

/** How calls are written. A template that prints tools in a syntax unknown here is used without its tools. */
function callsOf(source: string, facts: VocabularyFacts): { name: string; native: boolean } {
  const printsTools = /\btools\b/.test(source)
  if (printsTools && source.includes('<tool_call>') && !source.includes('<function=')) {
    return { name: 'hermes', native: true }
  }
  if (printsTools && source.includes('ipython') && facts.tokens.has('<|python_tag|>')) {
    return { name: 'llama-3', native: true }
  }
  return { name: source.includes('<|im_start|>') ? 'hermes' : 'generic', native: false }
}

function reasons(source: string, facts: VocabularyFacts): boolean {
  return source.includes('<think>') || source.includes('</think>') || facts.tokens.has('<think>')
}
