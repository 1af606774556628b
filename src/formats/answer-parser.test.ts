// Whatever a model writes is given back: as text, reasoning or calls, the same however it is cut, and never with a throw.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AnswerRules, answerParser } from './answer-parser.ts'
import { ObjectCallReader } from './call-reader.ts'
import type { AnswerPart, AnswerPiece } from './format.ts'
import { NamedCallReader } from './mistral-named-calls.ts'

const names = new Set(['f', 'g'])
const none: AnswerRules = { prefix: '', dropsFirstSpace: false, reasoning: undefined, calls: undefined }
const think = { open: '<think>', close: '</think>', startsOpen: false }
const rules: Readonly<Record<string, AnswerRules>> = {
  hermes: {
    ...none,
    reasoning: think,
    calls: {
      openers: [{ text: '<tool_call>', as: 'either' }],
      bare: false,
      only: false,
      read: (opener) => new ObjectCallReader({ opener, list: false, close: '</tool_call>' }, names),
    },
  },
  llama: {
    ...none,
    calls: {
      openers: [{ text: '<|python_tag|>', as: 'either' }],
      bare: true,
      only: false,
      read: (opener) => new ObjectCallReader({ opener, list: false, separator: ';' }, names),
    },
  },
  list: {
    ...none,
    dropsFirstSpace: true,
    calls: {
      openers: [{ text: '[TOOL_CALLS]', as: 'control' }],
      bare: false,
      only: false,
      read: (opener) => new ObjectCallReader({ opener, list: true }, names),
    },
  },
  named: {
    ...none,
    reasoning: { open: '[THINK]', close: '[/THINK]', startsOpen: true },
    calls: {
      openers: [{ text: '[TOOL_CALLS]', as: 'control' }],
      bare: false,
      only: false,
      read: (opener) => new NamedCallReader(opener, names),
    },
  },
}

const text = (value: string): AnswerPiece => ({ text: value, control: false })
const control = (value: string): AnswerPiece => ({ text: value, control: true })

/** All parts, neighbours of one kind joined. */
function read(which: AnswerRules, pieces: readonly AnswerPiece[], ranOut = false): AnswerPart[] {
  const parser = answerParser(which)
  const joined: AnswerPart[] = []
  for (const part of [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end(ranOut)]) {
    const last = joined.at(-1)
    if (part.type !== 'tool-call' && last?.type === part.type) {
      joined[joined.length - 1] = { type: part.type, text: last.text + part.text }
    } else joined.push(part)
  }
  return joined
}

const fragment = fc.oneof(
  fc.constantFrom(
    '<tool_call>',
    '</tool_call>',
    '<think>',
    '</think>',
    '<tool',
    '_call>',
    '</',
    '{"name": "f", "arguments": {"a": "}"}}',
    '{"name": "f", "parameters": {}}',
    '{"name": "h", "arguments": {}}',
    '{"name": "f", "arguments": 5}',
    '[{"name": "g", "arguments": {}}',
    ', ',
    ';',
    ']',
    '{',
    '"',
    '\\',
    ' ',
    '\n',
    'f',
  ),
  fc.string({ maxLength: 5 }),
)
const piece = fc.oneof(
  { weight: 6, arbitrary: fragment.map(text) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(
        '[TOOL_CALLS]',
        '[ARGS]',
        '[CALL_ID]',
        '[THINK]',
        '[/THINK]',
        '<tool_call>',
        '</tool_call>',
        '<think>',
        '</think>',
        '<|python_tag|>',
        '<|eot_id|>',
      )
      .map(control),
  },
)

for (const [name, which] of Object.entries(rules)) {
  test(`${name}: any answer is read the same however its text is cut`, () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        (pieces, size, ranOut) => {
          const whole = joinText(pieces)
          const cut = whole.flatMap((one) => (one.control ? [one] : cutUp(one.text, size)))
          assert.deepEqual(read(which, cut, ranOut), read(which, whole, ranOut))
        },
      ),
      { numRuns: 600 },
    )
  })

  test(`${name}: nothing that is no call is lost`, () => {
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 12 }), (fragments) => {
        const answer = fragments.join('')
        const parts = read(which, [text(answer)])
        if (parts.some((part) => part.type === 'tool-call')) return
        const given = parts.map((part) => (part.type === 'tool-call' ? '' : part.text)).join('')
        // Markers of reasoning and the white space after them are layout.
        const bare = (value: string) => value.replace(/<\/?think>|\[\/?THINK\]|\s/gu, '')
        assert.equal(bare(given), bare(answer))
      }),
      { numRuns: 600 },
    )
  })
}

test('text is given out at once unless it may become a marker', () => {
  const parser = answerParser(rules['hermes'] ?? none)
  assert.deepEqual(parser.push(text('Hello')), [{ type: 'text', text: 'Hello' }])
  assert.deepEqual(parser.push(text(' a <too')), [{ type: 'text', text: ' a ' }])
  assert.deepEqual(parser.push(text(' many')), [{ type: 'text', text: '<too many' }])
})

test('a call is given out as soon as it is whole', () => {
  const parser = answerParser(rules['list'] ?? none)
  assert.deepEqual(parser.push(control('[TOOL_CALLS]')), [])
  assert.deepEqual(parser.push(text(' [{"name": "f", "arguments": {"a": ')), [])
  assert.deepEqual(parser.push(text('1}}, {"na')), [{ type: 'tool-call', name: 'f', arguments: '{"a":1}' }])
  assert.deepEqual(parser.push(text('me": "g", "arguments": {}}]')), [
    { type: 'tool-call', name: 'g', arguments: '{}' },
  ])
  assert.deepEqual(parser.end(), [])
})

test('what looks like a call and is none comes back as text', () => {
  const list = rules['list'] ?? none
  const named = { ...(rules['named'] ?? none), reasoning: undefined }
  const cases: [AnswerRules, AnswerPiece[], string][] = [
    [
      list,
      [control('[TOOL_CALLS]'), text('[{"name": "unknown", "arguments": {}}]')],
      '[TOOL_CALLS][{"name": "unknown", "arguments": {}}]',
    ],
    [list, [control('[TOOL_CALLS]'), text('[{"name": "f", "argu')], '[TOOL_CALLS][{"name": "f", "argu'],
    [list, [control('[TOOL_CALLS]'), text('sorry')], '[TOOL_CALLS]sorry'],
    [
      named,
      [control('[TOOL_CALLS]'), text('f'), control('[ARGS]'), text('{"a": tru}')],
      '[TOOL_CALLS]f[ARGS]{"a": tru}',
    ],
    [named, [control('[TOOL_CALLS]'), text('f {"a": 1}')], '[TOOL_CALLS]f {"a": 1}'],
    [rules['hermes'] ?? none, [text('<tool_call>\nnot JSON\n</tool_call>')], '<tool_call>\nnot JSON\n</tool_call>'],
    [rules['llama'] ?? none, [text('{"answer": 42}')], '{"answer": 42}'],
  ]
  for (const [which, pieces, expected] of cases)
    assert.deepEqual(read(which, pieces), [{ type: 'text', text: expected }])
})

test('an answer that ran out of room inside a call gives the call as far as it came, once its name is known', () => {
  const cases: [string, AnswerPiece[], AnswerPart[]][] = [
    ['list', [control('[TOOL_CALLS]'), text('[{"name": "f", "argu')], [cutCall('f', '')]],
    ['list', [control('[TOOL_CALLS]'), text('[{"name": "f", "arguments": {"a": "b } ')], [cutCall('f', '{"a":"b } ')]],
    [
      'list',
      [control('[TOOL_CALLS]'), text('[{"name": "f", "arguments": {"a": 1}, "id": "ab')],
      [cutCall('f', '{"a":1}')],
    ],
    ['list', [control('[TOOL_CALLS]'), text('[{"name": "f", "arguments": "{\\"a\\": \\')], [cutCall('f', '{"a": ')]],
    [
      'named',
      [control('[/THINK]'), control('[TOOL_CALLS]'), text('f'), control('[ARGS]'), text('{"a')],
      [cutCall('f', '{"a')],
    ],
    ['hermes', [text('<tool_call>\n{"name": "g", "arguments": {"a": [')], [cutCall('g', '{"a":[')]],
    ['llama', [text('{"name": "g", "parameters": {"a": tr')], [cutCall('g', '{"a":tr')]],
    // No name yet: nothing that was an answer.
    ['list', [control('[TOOL_CALLS]'), text('[{"na')], []],
    ['named', [control('[/THINK]'), control('[TOOL_CALLS]'), text('f')], []],
    ['hermes', [text('Well. <tool_call>\n')], [{ type: 'text', text: 'Well. ' }]],
    // No call at all: text as ever.
    [
      'hermes',
      [text('<tool_call>\n{"name": "unknown", "arg')],
      [{ type: 'text', text: '<tool_call>\n{"name": "unknown", "arg' }],
    ],
    ['llama', [text('{"name": "gr')], [{ type: 'text', text: '{"name": "gr' }]],
    ['llama', [text('{"name": "g", "age": 4')], [{ type: 'text', text: '{"name": "g", "age": 4' }]],
  ]
  for (const [name, pieces, expected] of cases) assert.deepEqual(read(rules[name] ?? none, pieces, true), expected)
})

test('where only calls may be answered, a beginning of one is no text either', () => {
  const { calls } = rules['llama'] ?? none
  assert.ok(calls)
  const only = { ...none, calls: { ...calls, only: true } }
  assert.deepEqual(read(only, [text('{"name": "g')], true), [])
  assert.deepEqual(read(only, [text('<|pyth')], true), [])
})

function cutCall(name: string, argumentsText: string): AnswerPart {
  return { type: 'tool-call', name, arguments: argumentsText, unfinished: true }
}

test('a special token written out in text opens no call where the vocabulary has the token', () => {
  const spelled = '[TOOL_CALLS] [{"name": "f", "arguments": {}}]'
  assert.deepEqual(read(rules['list'] ?? none, [text(spelled)]), [{ type: 'text', text: spelled }])
})

test('arguments that come as a string of JSON are unpacked', () => {
  assert.deepEqual(
    read(rules['list'] ?? none, [control('[TOOL_CALLS]'), text('[{"name": "f", "arguments": "{\\"a\\": 1}"}]')]),
    [{ type: 'tool-call', name: 'f', arguments: '{"a":1}' }],
  )
})

test('the prefix is the first part of the answer', () => {
  const parser = answerParser({ ...none, prefix: 'Once', dropsFirstSpace: true })
  assert.deepEqual(parser.push(text(' upon')), [{ type: 'text', text: 'Once upon' }])
  assert.deepEqual(answerParser({ ...none, prefix: 'Once' }).end(), [{ type: 'text', text: 'Once' }])
})

test("SentencePiece's first space is no part of an answer, later ones are", () => {
  assert.deepEqual(read({ ...none, dropsFirstSpace: true }, [text(' Hello'), text(' there')]), [
    { type: 'text', text: 'Hello there' },
  ])
})

test('reasoning is told from the answer, also when the prompt opened it', () => {
  const expected: AnswerPart[] = [
    { type: 'reasoning', text: 'Let me see.\n' },
    { type: 'text', text: 'Four.' },
  ]
  assert.deepEqual(read({ ...none, reasoning: think }, [text('<think>\nLet me see.\n</think>\n\nFour.')]), expected)
  assert.deepEqual(
    read({ ...none, reasoning: { ...think, startsOpen: true } }, [text('\nLet me see.\n</think>\n\nFour.')]),
    expected,
  )
  assert.deepEqual(read({ ...none, reasoning: think }, [text('Use <think> tags.')]), [
    { type: 'text', text: 'Use <think> tags.' },
  ])
})

function joinText(pieces: readonly AnswerPiece[]): AnswerPiece[] {
  const joined: AnswerPiece[] = []
  for (const one of pieces) {
    const last = joined.at(-1)
    if (!one.control && last?.control === false) joined[joined.length - 1] = text(last.text + one.text)
    else joined.push(one)
  }
  return joined
}

function cutUp(value: string, size: number): AnswerPiece[] {
  return Array.from({ length: Math.ceil(value.length / size) }, (_, index) =>
    text(value.slice(index * size, (index + 1) * size)),
  )
}
