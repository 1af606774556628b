// Mistral's chat formats, v1 to v13: prompts, answers and grammars, without any template.

import { type AnswerRules, answerParser } from './answer-parser.ts'
import { type CallReader, ObjectCallReader } from './call-reader.ts'
import type { CallSyntax } from './call-syntax.ts'
import { callableTools, checkCall, mustCallTools, prefixMessage, textOf } from './content.ts'
import type { ChatFormat, FormatCall, VocabularyFacts } from './format.ts'
import { answerGrammar, type CallLayout, literal } from './grammar.ts'
import { hermesSyntax } from './hermes.ts'
import { NamedCallReader } from './mistral-named-calls.ts'
import { renderMistral } from './mistral-render.ts'
import type { MistralVersion } from './mistral-version.ts'

const opener = '[TOOL_CALLS]'

/** The format of one version, bound to a vocabulary. */
export function mistralFormat(version: MistralVersion, facts: VocabularyFacts): ChatFormat {
  const sentencePiece = facts.tokenizerModel === 'llama'
  const thinks = facts.tokens.has('[THINK]') && facts.tokens.has('[/THINK]')
  const syntax = version.controlTokens ? mistralSyntax(version, facts) : hermesSyntax(facts)
  const vocabulary = {
    beginOfSequence: facts.beginOfSequence ?? '<s>',
    endOfSequence: facts.endOfSequence ?? '</s>',
    sentencePiece,
    thinks,
  }
  const markers = { open: '[THINK]', close: '[/THINK]', startsOpen: false }
  const reasoning = thinks
    ? { ...markers, openToken: facts.tokens.get(markers.open), closeToken: facts.tokens.get(markers.close) }
    : undefined
  return {
    name: `mistral-${version.name}${sentencePiece ? '' : '-tekken'}`,
    stopTokens: [],
    stopStrings: [],
    reasoning: thinks,
    render(call) {
      checkCall(call)
      return renderMistral(call, version, vocabulary)
    },
    grammar: (call) => answerGrammar(call, syntax.layout, reasoning),
    parser: (call) => answerParser({ ...rulesOf(call, syntax), reasoning, dropsFirstSpace: sentencePiece }),
  }
}

/** The rules that a call adds to a format: its prefix, and calls where they are allowed. */
export function rulesOf(call: FormatCall, syntax: CallSyntax): Omit<AnswerRules, 'reasoning' | 'dropsFirstSpace'> {
  const prefix = prefixMessage(call)
  const names = new Set(callableTools(call).map((tool) => tool.name))
  return {
    prefix: prefix === undefined ? '' : textOf(prefix.content, call.messages.length - 1, '\n\n'),
    calls:
      names.size === 0
        ? undefined
        : {
            openers: syntax.openers,
            bare: syntax.bare,
            only: mustCallTools(call),
            read: (marker: string) => syntax.read(marker, names),
          },
  }
}

function mistralSyntax(version: MistralVersion, facts: VocabularyFacts): CallSyntax {
  const named = version.calls === 'named' || version.calls === 'named-with-ids'
  const read = (marker: string, names: ReadonlySet<string>): CallReader =>
    named ? new NamedCallReader(marker, names) : new ObjectCallReader({ opener: marker, list: true }, names)
  return {
    openers: [{ text: opener, as: 'control' }],
    bare: false,
    read,
    layout: named ? namedLayout(version, facts) : listLayout(version, facts),
  }
}

/** `[TOOL_CALLS] [{"name": …, "arguments": {…}, "id": …}, …]`; the models leave the id out or write it, so both are allowed. */
function listLayout(version: MistralVersion, facts: VocabularyFacts): CallLayout {
  const id = version.calls === 'json-list-with-ids' ? ' (", \\"id\\": \\"" /[a-zA-Z0-9]{9}/ "\\"")?' : ''
  return {
    openText: undefined,
    openToken: facts.tokens.get(opener),
    bareCall: undefined,
    body: (call) => call,
    separator: '", "',
    around: ['/ ?\\[/ ', ' "]"'],
    call: (name, argumentsRule) =>
      `${literal(`{"name": ${JSON.stringify(name)}, "arguments": `)} ${argumentsRule}${id} "}"`,
  }
}

/** `[TOOL_CALLS]name[ARGS]{…}`, with `[CALL_ID]` before the arguments in v11. */
function namedLayout(version: MistralVersion, facts: VocabularyFacts): CallLayout {
  const callId = facts.tokens.get('[CALL_ID]')
  const withId = version.calls === 'named-with-ids' && callId !== undefined
  return {
    openText: undefined,
    openToken: facts.tokens.get(opener),
    bareCall: undefined,
    body: (call) => call,
    separator: undefined,
    around: ['', ''],
    call: (name, argumentsRule) =>
      `${literal(name)}${withId ? ` (<[${callId}]> /[a-zA-Z0-9]{9}/)?` : ''} <[${facts.tokens.get('[ARGS]')}]> ${argumentsRule}`,
  }
}
