// Calls as Hermes and Qwen write them: `<tool_call>\n{"name": …, "arguments": {…}}\n</tool_call>`, one block for each.

import { ObjectCallReader } from './call-reader.ts'
import type { CallSyntax } from './call-syntax.ts'
import { callClose, callOpen } from './described-tools.ts'
import type { VocabularyFacts } from './format.ts'
import { literal } from './grammar.ts'

/** The syntax bound to a vocabulary: the markers are special tokens in some and plain text in others. */
export function hermesSyntax(facts: VocabularyFacts): CallSyntax {
  const openToken = facts.tokens.get(callOpen)
  const closeToken = facts.tokens.get(callClose)
  const close = closeToken === undefined ? literal(callClose) : `(<[${closeToken}]> | ${literal(callClose)})`
  return {
    openers: [{ text: callOpen, as: 'either' }],
    bare: false,
    read: (opener, names) => new ObjectCallReader({ opener, list: false, close: callClose }, names),
    layout: {
      openText: callOpen,
      openToken,
      bareCall: undefined,
      body: (call) => `"\\n"? ${call} "\\n"? ${close}`,
      separator: undefined,
      around: ['', ''],
      call: (name, argumentsRule) =>
        `${literal(`{"name": ${JSON.stringify(name)}, "arguments": `)} ${argumentsRule} "}"`,
    },
  }
}
