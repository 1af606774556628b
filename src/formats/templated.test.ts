// Conversations through Jinja templates: strict and lenient ones, with prefixes, reasoning and tools.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Failure } from '../base/errors.ts'
import type { Message } from '../wire/model.ts'
import { detectFormat } from './detect.ts'
import type { FormatCall } from './format.ts'

const text = (value: string) => [{ type: 'text' as const, text: value }]
const user = (value: string): Message => ({ role: 'user', content: text(value) })
const system = (value: string): Message => ({ role: 'system', content: text(value) })
const assistant = (value: string, more: Partial<Extract<Message, { role: 'assistant' }>> = {}): Message => ({
  role: 'assistant',
  content: text(value),
  toolCalls: [],
  ...more,
})
const result = (toolCallId: string, value: string): Message => ({ role: 'tool', toolCallId, content: text(value) })
const call = (messages: readonly Message[], more: Partial<FormatCall> = {}): FormatCall => ({
  messages,
  tools: [],
  sampling: {},
  output: { type: 'text' },
  toolChoice: 'auto',
  parallelToolCalls: true,
  ...more,
})
const tools = [{ name: 'clock', description: 'The time.', parameters: { type: 'object' }, strict: false }]
const calls = [
  { id: 'a', name: 'clock', arguments: '{"zone": "CET"}' },
  { id: 'b', name: 'clock', arguments: '{}' },
]

const format = (chatTemplate: string | undefined, tokens = '<s> <|im_start|> <|im_end|>') =>
  detectFormat({
    architecture: 'llama',
    chatTemplate,
    tokens: new Map(tokens.split(' ').map((token, id) => [token, id])),
    tokenizerModel: 'gpt2',
    pre: undefined,
    beginOfSequence: '<s>',
    endOfSequence: undefined,
  })

/** The prompt as one line, control tokens in braces. */
const prompt = (of: ReturnType<typeof format>, asked: FormatCall) =>
  of
    .render(asked)
    .map((segment) => (segment.type === 'control' ? `{${segment.token}}` : segment.text))
    .join('')

const turns = '{% for m in messages %}{{ m.role }}:{{ m.content }}|{% endfor %}'
const strict =
  "{{ bos_token }}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}{% endfor %}" +
  turns

describe('a strict template', () => {
  test('gets neighbours merged and the system prompt in the first turn', () => {
    assert.equal(
      prompt(format(strict), call([system('S'), user('1'), user('2'), assistant('3'), user('4')])),
      '{<s>}user:S\n\n1\n\n2|assistant:3|user:4|',
    )
  })

  test('that refuses every order gives its own reason, a 400', () => {
    assert.throws(
      () => format("{{ raise_exception('No.') }}").render(call([user('x')])),
      (error) => error instanceof Failure && error.status === 400 && error.message.endsWith('No.'),
    )
  })

  test('that takes one call a turn gets several calls one by one', () => {
    const single =
      "{% for m in messages %}{% if m.tool_calls %}{% if m.tool_calls | length != 1 %}{{ raise_exception('single') }}{% endif %}{{ m.tool_calls[0].function.arguments | tojson }}{% endif %}{{ m.content }}|{% endfor %}{{ tools }}ipython"
    const asked = call([user('?'), assistant('', { toolCalls: calls }), result('b', 'B'), result('a', 'A')], { tools })
    assert.match(prompt(format(single, '<|python_tag|>'), asked), /^\?\|\{"zone": "CET"\}\|A\|\{\}\|B\|/)
  })
})

test('a template that keeps only the last system prompt gets them as one', () => {
  const last =
    "{% set ns = namespace(s='') %}{% for m in messages %}{% if m.role == 'system' %}{% set ns.s = m.content %}{% endif %}{% endfor %}{{ ns.s }}#" +
    "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"
  const asked = call([system('A'), user('x'), system('B'), user('y')])
  assert.equal(prompt(format(last), asked).split('#')[0], 'A\n\nB')
})

test('a template that reads content as parts gets parts', () => {
  const parts = '{% for m in messages %}{% for p in m.content %}{{ p.type }}={{ p.text }}|{% endfor %}{% endfor %}'
  assert.equal(prompt(format(parts), call([user('x')])), 'text=x|')
})

test('the answer continues a prefix, after reasoning that the template opened', () => {
  const asked = call([user('x'), assistant('Once', { prefix: true })])
  assert.equal(prompt(format(`${turns}A:`), asked), 'user:x|A:Once')
  assert.equal(prompt(format(`${turns}A:<think>`), asked), 'user:x|A:<think>\n</think>\n\nOnce')
  assert.deepEqual(format(`${turns}A:`).parser(asked).push({ text: ' upon', control: false }), [
    { type: 'text', text: 'Once upon' },
  ])
})

test('an answer starts as reasoning where the prompt ends in it', () => {
  const parser = format(`${turns}<think>\n`).parser(call([user('x')]))
  assert.deepEqual(
    [...parser.push({ text: 'Hm.</think>\n\nYes.', control: false }), ...parser.end()],
    [
      { type: 'reasoning', text: 'Hm.' },
      { type: 'text', text: 'Yes.' },
    ],
  )
})

test('the caller chooses whether a model reasons', () => {
  const switched =
    '{% if enable_thinking is defined and not enable_thinking %}off{% else %}on{% endif %}{{ reasoning_effort }}</think>'
  assert.equal(prompt(format(switched), call([user('x')], { reasoningEffort: 'none' })), 'offnone</think>')
  assert.equal(prompt(format(switched), call([user('x')])), 'on</think>')
})

test('tools are told in words where the template knows none', () => {
  const asked = call([user('Time?'), assistant('', { toolCalls: calls.slice(0, 1) }), result('a', 'noon')], { tools })
  const written = prompt(format(turns), asked)
  assert.match(
    written,
    /^system:# Tools[\s\S]*"name":"clock"[\s\S]*\|user:Time\?\|assistant:<tool_call>\n\{"name": "clock", "arguments": \{"zone": "CET"\}\}\n<\/tool_call>\|user:<tool_response>\nnoon\n<\/tool_response>\|$/,
  )
})

test('words of the caller that spell a control token stay words, in names and arguments too', () => {
  const native = `{% if tools %}{{ tools | tojson }}{% endif %}${turns}{% for m in messages %}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }} "name" arguments{% endfor %}{% endfor %}<|im_start|>`
  const spelled = '<|im_end|>'
  const asked = call(
    [
      system(spelled),
      user(`a${spelled}`),
      assistant(spelled, {
        reasoning: spelled,
        toolCalls: [{ id: spelled, name: spelled, arguments: JSON.stringify({ [spelled]: [spelled] }) }],
      }),
      result(spelled, spelled),
    ],
    {
      tools: [
        { name: spelled, description: spelled, parameters: { type: 'object', description: spelled }, strict: false },
      ],
    },
  )
  const control = format(native)
    .render(asked)
    .flatMap((segment) => (segment.type === 'control' ? [segment.token] : []))
  assert.deepEqual(control, ['<|im_start|>'])
})

test('an endless template is tried once', () => {
  const endless = '{% for a in range(99999) %}{% for b in range(99999) %}{% set c = a %}{% endfor %}{% endfor %}'
  assert.throws(
    () => format(endless).render(call([user('x')])),
    (error) => error instanceof Failure && error.status === 400 && error.message.includes('ran longer'),
  )
})

test('what no format can do is refused with the field', () => {
  const refused: [FormatCall, string, string][] = [
    [call([]), 'invalid_value', 'messages'],
    [call([{ role: 'user', content: [{ type: 'image', url: 'x' }] }]), 'unsupported_value', 'messages[0].content[0]'],
    [
      call([user('y'), { role: 'user', content: [...text('x'), { type: 'audio', data: '' }] }], { tools }),
      'unsupported_value',
      'messages[1].content[1]',
    ],
    [call([user('x')], { toolChoice: 'required' }), 'invalid_value', 'tool_choice'],
    [call([user('x')], { tools, toolChoice: { name: 'other' } }), 'invalid_value', 'tool_choice'],
    [call([assistant('x', { prefix: true }), user('y')]), 'invalid_value', 'messages[0].prefix'],
    [
      call([user('y'), assistant('x', { prefix: true })], { output: { type: 'json-object' } }),
      'unsupported_value',
      'messages[1].prefix',
    ],
  ]
  for (const [asked, code, param] of refused) {
    assert.throws(
      () => format(turns).render(asked),
      (error) => error instanceof Failure && error.code === code && error.param === param,
      param,
    )
  }
})
