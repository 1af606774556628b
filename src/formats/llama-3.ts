// Calls as Llama 3.1 and later write them: the whole answer is `{"name": …, "parameters": {…}}`, with or without `<|python_tag|>` before it.

import { ObjectCallReader } from './call-reader.ts'
import type { CallSyntax } from './call-syntax.ts'
import type { VocabularyFacts } from './format.ts'
import { literal } from './grammar.ts'

const pythonTag = '<|python_tag|>'

/** The syntax bound to a vocabulary. Several calls are separated by `; `, as the models do when asked for more than one. */
export function llama3Syntax(facts: VocabularyFacts): CallSyntax {
  return {
    openers: [{ text: pythonTag, as: 'either' }],
    bare: true,
    read: (opener, names) => new ObjectCallReader({ opener, list: false, separator: ';' }, names),
    layout: {
      openText: undefined,
      openToken: facts.tokens.get(pythonTag),
      bareCall: (name, argumentsSchema) => ({
        type: 'object',
        properties: { name: { const: name }, parameters: argumentsSchema },
        required: ['name', 'parameters'],
        additionalProperties: false,
      }),
      body: (call) => call,
      separator: '"; "',
      around: ['', ''],
      call: (name, argumentsRule) =>
        `${literal(`{"name": ${JSON.stringify(name)}, "parameters": `)} ${argumentsRule} "}"`,
    },
  }
}
