// Mistral's formats beyond the recordings: repairs, refusals, ids, and any conversation at all.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Failure } from '../base/errors.ts'
import type { Message } from '../wire/model.ts'
import { detectFormat } from './detect.ts'
import type { ChatFormat, FormatCall, Segment } from './format.ts'

const tokens: Readonly<Record<string, string>> = {
  v2: '<s> </s> [INST] [/INST] [TOOL_CALLS]',
  v3: '<s> </s> [INST] [/INST] [TOOL_CALLS] [SUFFIX]',
  v7: '<s> </s> [INST] [/INST] [TOOL_CALLS] [SUFFIX] [SYSTEM_PROMPT]',
  v11: '<s> </s> [INST] [/INST] [TOOL_CALLS] [SUFFIX] [SYSTEM_PROMPT] [ARGS] [CALL_ID]',
  v13: '<s> </s> [INST] [/INST] [TOOL_CALLS] [SUFFIX] [SYSTEM_PROMPT] [ARGS] [CALL_ID] [THINK] [/THINK]',
}
const facts = (list: string, chatTemplate?: string) => ({
  architecture: 'llama',
  chatTemplate,
  tokens: new Map(list.split(' ').map((token, id) => [token, id])),
  tokenizerModel: 'gpt2',
  pre: 'tekken',
  beginOfSequence: '<s>',
  endOfSequence: '</s>',
})
const mistral = (version: string): ChatFormat => detectFormat(facts(tokens[version] ?? ''))
const others: Readonly<Record<string, ChatFormat>> = {
  chatml: detectFormat(facts('<|im_start|> <|im_end|>')),
  plain: detectFormat(facts('<s>')),
  v1: detectFormat(
    facts(
      '<s> </s>',
      "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}",
    ),
  ),
}

const text = (value: string) => [{ type: 'text' as const, text: value }]
const call = (messages: readonly Message[], more: Partial<FormatCall> = {}): FormatCall => ({
  messages,
  tools: [],
  sampling: {},
  output: { type: 'text' },
  toolChoice: 'auto',
  parallelToolCalls: true,
  ...more,
})
const written = (segments: readonly Segment[]) =>
  segments.map((segment) => (segment.type === 'control' ? segment.token : segment.text)).join('')

const user: Message = { role: 'user', content: text('Hi') }
const asked: Message = {
  role: 'assistant',
  content: [],
  toolCalls: [{ id: 'call_long_and_prefixed', name: 'f', arguments: '{"a":1}' }],
}
const result: Message = { role: 'tool', toolCallId: 'call_long_and_prefixed', content: text('2') }

test("a client's id is rewritten to the same nine characters in call and result", () => {
  const prompt = written(mistral('v7').render(call([user, asked, result])))
  const [, id, answered] =
    /"id": "([a-zA-Z0-9]{9})"[\s\S]*\[TOOL_RESULTS\]([a-zA-Z0-9]{9})\[TOOL_CONTENT\]/.exec(prompt) ?? []
  assert.ok(id !== undefined)
  assert.equal(answered, id)
})

test('an answer with text and calls is written in every version', () => {
  const both: Message = { ...asked, content: text('Let me see.') }
  for (const version of Object.keys(tokens)) {
    assert.match(written(mistral(version).render(call([user, both, result]))), /Let me see\.\[TOOL_CALLS\]/, version)
  }
})

test('a format without tools is told about them in words', () => {
  const tools = [{ name: 'f', parameters: { type: 'object' }, strict: false }]
  const prompt = written(others['v1']?.render(call([user, asked, result], { tools })) ?? [])
  assert.match(
    prompt,
    /^<s>\[INST\] # Tools[\s\S]*Hi \[\/INST\][\s\S]*<tool_call>[\s\S]*<\/s>\[INST\] <tool_response>\n2/,
  )
})

describe('an order that cannot be written is refused with the message at fault', () => {
  const refused: [string, Message[], string][] = [
    ['a result without a call', [user, result], 'messages[1]'],
    ['an answer at the end', [user, { role: 'assistant', content: text('x'), toolCalls: [] }], 'messages[1]'],
    ['a call at the end', [user, asked], 'messages[1]'],
    ['a system prompt at the end', [user, { role: 'system', content: text('x') }], 'messages[1]'],
  ]
  for (const [name, messages, param] of refused) {
    test(name, () => {
      assert.throws(
        () => mistral('v7').render(call(messages)),
        (error) =>
          error instanceof Failure &&
          error.code === 'invalid_message_order' &&
          error.status === 400 &&
          error.param === param,
      )
    })
  }
})

const content = fc.array(
  fc
    .oneof(fc.string(), fc.constantFrom('[INST]', '</s>', '[TOOL_CALLS]', '<|im_end|>', '\ue000'))
    .map((value) => ({ type: 'text' as const, text: value })),
  { maxLength: 3 },
)
const id = fc.oneof(fc.string(), fc.constantFrom('a', 'b'))
const toolCall = fc.record({ id, name: fc.string(), arguments: fc.oneof(fc.json(), fc.string(), fc.constant('{}')) })
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ role: fc.constantFrom('system' as const, 'user' as const), content }),
  fc.record({ role: fc.constant('assistant' as const), content, toolCalls: fc.array(toolCall, { maxLength: 2 }) }),
  fc.record({
    role: fc.constant('assistant' as const),
    content,
    toolCalls: fc.constant([]),
    prefix: fc.boolean(),
    reasoning: fc.string(),
  }),
  fc.record({ role: fc.constant('tool' as const), content, toolCallId: id }),
  fc.record({ role: fc.constant('user' as const), content: fc.constant([{ type: 'image' as const, url: 'x' }]) }),
)
const tool = fc.record({ name: fc.string(), parameters: fc.constant({ type: 'object' }), strict: fc.boolean() })

describe('any conversation gives segments or a 4xx', () => {
  const formats = {
    ...others,
    ...Object.fromEntries(Object.keys(tokens).map((version) => [version, mistral(version)])),
  }
  for (const [name, format] of Object.entries(formats)) {
    test(name, () => {
      fc.assert(
        fc.property(fc.array(message, { maxLength: 6 }), fc.array(tool, { maxLength: 2 }), (messages, tools) => {
          const conversation = call(messages, { tools })
          let segments: Segment[]
          try {
            segments = format.render(conversation)
          } catch (error) {
            assert.ok(error instanceof Failure && error.status >= 400 && error.status < 500, String(error))
            return
          }
          assert.ok(segments.every((segment) => segment.type === 'control' || segment.text !== ''))
          format.parser(conversation).end()
          format.grammar(conversation)
        }),
        { numRuns: 300 },
      )
    })
  }
})
