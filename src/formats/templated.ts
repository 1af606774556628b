// A chat format made of a Jinja template and a way of writing calls. Knows neither a model nor a vendor: `detect.ts` chooses the parts.

import { Failure } from '../base/errors.ts'
import type { Message, Tool } from '../wire/model.ts'
import { answerParser } from './answer-parser.ts'
import type { CallSyntax } from './call-syntax.ts'
import { checkCall, mayCallTools, prefixMessage, textOf } from './content.ts'
import { ControlTokens } from './control-text.ts'
import { describeTools } from './described-tools.ts'
import type { ChatFormat, FormatCall, Segment, VocabularyFacts } from './format.ts'
import { answerGrammar } from './grammar.ts'
import type { ChatTemplate } from './jinja.ts'
import { rulesOf } from './mistral.ts'
import { SegmentList } from './segments.ts'
import { templateMessages, templateTools } from './template-messages.ts'
import { repairs } from './template-repair.ts'

/** The parts of a templated format. */
export interface TemplatedParts {
  readonly name: string
  readonly template: ChatTemplate
  readonly syntax: CallSyntax
  /** The template prints tools, calls and results itself; otherwise they are told in text. */
  readonly nativeTools: boolean
  /** Calls told in text are read by the same syntax, so that words may stand in where the template fails on tools. */
  readonly describable: boolean
  /** Markers of reasoning, for models that reason. */
  readonly reasoning: { readonly open: string; readonly close: string } | undefined
  readonly stopTokens: readonly string[]
  readonly stopStrings: readonly string[]
}

/** Binds the parts to a vocabulary. */
export function templatedFormat(parts: TemplatedParts, facts: VocabularyFacts): ChatFormat {
  const { template, syntax, reasoning: markers } = parts
  const control = new ControlTokens(facts.tokens.keys())
  /** Whether a call's prompt ends inside reasoning; kept, since rendering is needed to know. */
  const opened = new WeakMap<FormatCall, boolean>()

  const render = (call: FormatCall): Segment[] => {
    checkCall(call)
    const prompt = renderRepaired(call, parts, facts, control)
    const open = markers !== undefined && endsWith(prompt, markers.open)
    opened.set(call, open && prefixMessage(call) === undefined)
    return continued(call, prompt, open ? markers.close : undefined, facts)
  }
  const reasoningOf = (call: FormatCall) => {
    if (markers === undefined) return undefined
    if (!opened.has(call) && template.source.includes(markers.open)) render(call)
    return {
      ...markers,
      openToken: facts.tokens.get(markers.open),
      closeToken: facts.tokens.get(markers.close),
      startsOpen: opened.get(call) ?? false,
    }
  }
  return {
    name: parts.name,
    stopTokens: parts.stopTokens,
    stopStrings: parts.stopStrings,
    reasoning: markers !== undefined,
    render,
    grammar: (call) => answerGrammar(call, syntax.layout, reasoningOf(call)),
    parser: (call) => answerParser({ ...rulesOf(call, syntax), reasoning: reasoningOf(call), dropsFirstSpace: false }),
  }
}

/** What one rendering shows a template. */
interface View {
  readonly call: FormatCall
  readonly messages: readonly Message[]
  readonly tools: readonly Tool[] | null
  /** Templates of models that also see images read content as a list of parts. */
  readonly contentParts: boolean
}

/** The prompt up to where the answer starts: the first view of the conversation that the template takes. */
function renderRepaired(
  call: FormatCall,
  parts: TemplatedParts,
  facts: VocabularyFacts,
  control: ControlTokens,
): SegmentList {
  const asked = prefixMessage(call) === undefined ? call : { ...call, messages: call.messages.slice(0, -1) }
  let refusal: unknown
  let incomplete: SegmentList | undefined
  for (const view of views(asked, parts)) {
    try {
      const { prompt, complete } = renderOnce(view, parts.template, facts, control)
      if (complete) return prompt
      incomplete ??= prompt
    } catch (error) {
      const refused = error instanceof Failure && error.code === 'template_rejected'
      if (!refused || error.fields['endless'] === true) throw error
      refusal ??= error
    }
  }
  if (incomplete !== undefined) return incomplete
  throw refusal
}

/** Native tools first, then tools in words (Hermes' calls read the same); strict orders after lenient ones. */
function* views(call: FormatCall, parts: TemplatedParts): Generator<View> {
  const told = parts.nativeTools ? [call] : []
  if (!parts.nativeTools || parts.describable) told.push(describeTools(call))
  for (const version of told) {
    // Without tools most templates want `none`; a few walk over the list unasked.
    const tools = mayCallTools(version) ? [version.tools] : [null, []]
    for (const contentParts of [false, true]) {
      for (const shown of tools) {
        for (const messages of repairs(version.messages)) yield { call: version, messages, tools: shown, contentParts }
      }
    }
  }
}

/** `complete`: every system and user text is in the prompt. Some templates keep only the last system prompt and say nothing. */
function renderOnce(
  view: View,
  template: ChatTemplate,
  facts: VocabularyFacts,
  control: ControlTokens,
): { prompt: SegmentList; complete: boolean } {
  const inputs = JSON.stringify([view.messages, view.tools])
  const { guard, split } = control.guardFor(inputs)
  const messages = templateMessages(view.messages, guard)
  const rendered = template.render(
    {
      messages: view.contentParts ? messages.map(withContentParts) : messages,
      tools: view.tools === null ? null : templateTools(view.tools, guard),
      add_generation_prompt: true,
      bos_token: facts.beginOfSequence ?? '',
      eos_token: facts.endOfSequence ?? '',
      ...reasoningVariables(view.call),
    },
    inputs.length,
  )
  const list = new SegmentList()
  for (const segment of split(rendered)) {
    if (segment.type === 'control') list.control(segment.token)
    else list.text(segment.text)
  }
  const complete = messages.every(
    ({ role, content }) => (role !== 'system' && role !== 'user') || rendered.includes(String(content).trim()),
  )
  return { prompt: list, complete }
}

function withContentParts(message: Record<string, unknown>): Record<string, unknown> {
  return { ...message, content: [{ type: 'text', text: message['content'] }] }
}

/** The two names that templates of reasoning models read. Only set when the caller chose. */
function reasoningVariables(call: FormatCall): Record<string, unknown> {
  const effort = call.reasoningEffort
  return effort === undefined ? {} : { reasoning_effort: effort, enable_thinking: effort !== 'none' }
}

/** Adds the prefix that the answer continues; reasoning that the template opened is closed first. */
function continued(
  call: FormatCall,
  prompt: SegmentList,
  close: string | undefined,
  facts: VocabularyFacts,
): Segment[] {
  const prefix = prefixMessage(call)
  if (prefix === undefined) return prompt.segments
  if (close !== undefined) {
    prompt.text('\n')
    if (facts.tokens.has(close)) prompt.control(close)
    else prompt.text(close)
    prompt.text('\n\n')
  }
  prompt.text(textOf(prefix.content, call.messages.length - 1, '\n'))
  return prompt.segments
}

function endsWith(prompt: SegmentList, marker: string): boolean {
  const last = prompt.segments.at(-1)
  const before = prompt.segments.at(-2)
  if (last === undefined) return false
  if (last.type === 'control') return last.token === marker
  const text = last.text.trimEnd()
  return text === '' ? before?.type === 'control' && before.token === marker : text.endsWith(marker)
}
