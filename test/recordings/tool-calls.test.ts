// Answers as models write them, in every syntax: read the same however they are cut, and allowed by the grammars that hold them.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { Guidance } from '../../src/engine/child/guidance.ts'
import { openLibrary } from '../../src/engine/child/library.ts'
import { declareFunctions } from '../../src/engine/child/llama.ts'
import { type LoadedModel, loadModel } from '../../src/engine/child/llama-model.ts'
import { detectFormat } from '../../src/formats/detect.ts'
import type { AnswerPart, AnswerPiece, ChatFormat, FormatCall } from '../../src/formats/format.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import recordings from './tool-call-syntaxes.json' with { type: 'json' }

type FormatName = keyof typeof recordings.vocabularies

const controlTokens = [...new Set(Object.values(recordings.vocabularies).flat())]
const templates: Readonly<Partial<Record<string, string>>> = recordings.templates
const asked: FormatCall = {
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Weather and time, please.' }] }],
  tools: recordings.tools,
  sampling: {},
  output: { type: 'text' },
  toolChoice: 'auto',
  parallelToolCalls: true,
}
const schema = {
  type: 'object',
  properties: { ok: { type: 'boolean' } },
  required: ['ok'],
  additionalProperties: false,
}
const withSchema: FormatCall = { ...asked, output: { type: 'json-schema', name: 'n', strict: true, schema } }

let folder: string
let model: LoadedModel
let guidance: Guidance

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-tool-calls-'))
  const path = await tinyLlama({ vocabulary: byteVocabulary(controlTokens), folder })
  model = await loadModel(declareFunctions(openLibrary(() => undefined)), path)
  const { vocabulary } = model
  const ids = Array.from({ length: vocabulary.size }, (_, id) => id)
  guidance = Guidance.start({
    tokens: ids.map((id) => vocabulary.piece(id)),
    control: new Set(ids.filter((id) => vocabulary.isControl(id))),
    endOfSequence: [...vocabulary.endTokens],
  })
})
after(async () => {
  await guidance.stop()
  model.free()
  await rm(folder, { recursive: true })
})

/** The format of a vocabulary that holds only its own control tokens, at the ids they have among all. */
function formatOf(name: FormatName): ChatFormat {
  const own: readonly string[] = recordings.vocabularies[name]
  const tokens = new Map([...model.vocabulary.controlTokens].filter(([text]) => own.includes(text)))
  return detectFormat({
    architecture: 'llama',
    chatTemplate: templates[name],
    tokens,
    tokenizerModel: 'gpt2',
    pre: 'tekken',
    beginOfSequence: '<s>',
    endOfSequence: '</s>',
  })
}

const piecesOf = (pieces: readonly (string | { control: string })[]): AnswerPiece[] =>
  pieces.map((piece) =>
    typeof piece === 'string' ? { text: piece, control: false } : { text: piece.control, control: true },
  )

/** Whether the grammar of a call lets an answer through to its end. */
async function allowed(format: ChatFormat, call: FormatCall, pieces: readonly AnswerPiece[]): Promise<boolean> {
  const text = format.grammar(call)
  assert.ok(text !== undefined, 'the answer is held by a grammar')
  const grammar = await guidance.compile({ type: 'lark', text })
  assert.deepEqual(grammar.warnings, [])
  const matcher = grammar.matcher()
  try {
    for (const piece of pieces) {
      const tokens = piece.control
        ? [model.vocabulary.control(piece.text) ?? -1]
        : [...model.vocabulary.tokenize(piece.text)]
      for (const token of tokens) {
        if (!matcher.allows(token)) return false
        matcher.accept(token)
      }
    }
    return matcher.accepting
  } finally {
    matcher.free()
  }
}

function read(format: ChatFormat, call: FormatCall, pieces: readonly AnswerPiece[]): AnswerPart[] {
  const parser = format.parser(call)
  return joined([...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()])
}

/** Neighbouring text as one part: where it is cut says nothing. */
function joined(parts: readonly AnswerPart[]): AnswerPart[] {
  const result: AnswerPart[] = []
  for (const part of parts) {
    const last = result.at(-1)
    if (part.type !== 'tool-call' && last?.type === part.type) {
      result[result.length - 1] = { type: part.type, text: last.text + part.text }
    } else result.push(part)
  }
  return result
}

for (const { name, formats, pieces, parts } of recordings.answers) {
  describe(name, () => {
    for (const formatName of formats as FormatName[]) {
      const answer = piecesOf(pieces)
      const calls = parts.filter((part) => part.type === 'tool-call').length
      const startsWithCall = parts.find((part) => part.type !== 'reasoning')?.type === 'tool-call'

      test(`${formatName}: read however it is cut`, () => {
        const format = formatOf(formatName)
        assert.equal(format.name, formatName)
        fc.assert(
          fc.property(fc.array(fc.nat(7), { minLength: 1, maxLength: 40 }), (sizes) => {
            const cut = answer.flatMap((piece) => (piece.control ? [piece] : cutUp(piece.text, sizes)))
            assert.deepEqual(read(format, asked, cut), parts)
          }),
          { numRuns: 60 },
        )
      })
      test(`${formatName}: cut anywhere it is what was finished and the call that was begun, never its markup`, () => {
        const format = formatOf(formatName)
        for (const begun of beginnings(answer)) assertBeginning(readCut(format, begun), parts, begun)
      })
      test(`${formatName}: the grammar lets it through`, async () => {
        const format = formatOf(formatName)
        assert.equal(await allowed(format, asked, answer), true)
        assert.equal(await allowed(format, { ...asked, toolChoice: 'required' }, answer), startsWithCall)
        assert.equal(await allowed(format, { ...asked, parallelToolCalls: false }, answer), calls < 2)
        assert.equal(await allowed(format, withSchema, answer), startsWithCall)
      })
    }
  })
}

/** The answer as it stands after each of its characters and special tokens. */
function* beginnings(answer: readonly AnswerPiece[]): Generator<AnswerPiece[]> {
  for (const [index, piece] of answer.entries()) {
    const before = answer.slice(0, index)
    if (!piece.control) {
      for (let end = 1; end < piece.text.length; end++) {
        yield [...before, { text: piece.text.slice(0, end), control: false }]
      }
    }
    yield [...before, piece]
  }
}

function readCut(format: ChatFormat, pieces: readonly AnswerPiece[]): AnswerPart[] {
  const parser = format.parser(asked)
  return joined([...pieces.flatMap((piece) => parser.push(piece)), ...parser.end(true)])
}

/** `cut` are the first of `whole`, the last of them perhaps begun only; text may end with the beginning of an opener. */
function assertBeginning(cut: readonly AnswerPart[], whole: readonly unknown[], pieces: readonly AnswerPiece[]): void {
  const said = JSON.stringify({ pieces, cut })
  const rest = (whole as readonly AnswerPart[]).slice()
  for (const part of cut) {
    const full = rest.shift()
    if (part.type === 'tool-call') {
      assert.ok(full?.type === 'tool-call' && part.name === full.name, said)
      assert.ok(
        full.arguments.startsWith(part.arguments) && (part.unfinished === true || full.arguments === part.arguments),
        said,
      )
    } else if (full?.type === part.type) assert.ok(full.text.startsWith(part.text) || isOpening(part.text), said)
    else assert.ok(part.type === 'text' && isOpening(part.text), said)
  }
}

/** Text that ends as an opener begins, and could go on otherwise: the first character of a call, of `<tool_call>`, of `<think>`. */
function isOpening(text: string): boolean {
  return ['<tool_call>', '<think>', '{"name": "weather"', '{"name": "now"'].some((opener) =>
    [...opener].some((_, length) => text.endsWith(opener.slice(0, length + 1))),
  )
}

function cutUp(text: string, sizes: readonly number[]): AnswerPiece[] {
  const characters = [...text]
  const pieces: AnswerPiece[] = []
  for (let turn = 0, at = 0; at < characters.length; turn++) {
    const size = (sizes[turn % sizes.length] ?? 0) + 1
    pieces.push({ text: characters.slice(at, at + size).join(''), control: false })
    at += size
  }
  return pieces
}

/** One call as a format writes it, from its arguments' JSON. */
const writers: Readonly<Record<FormatName, (name: string, json: string) => (string | { control: string })[]>> = {
  'mistral-v3-tekken': (name, json) => [{ control: '[TOOL_CALLS]' }, `[{"name": "${name}", "arguments": ${json}}]`],
  'mistral-v7-tekken': (name, json) => [{ control: '[TOOL_CALLS]' }, `[{"name": "${name}", "arguments": ${json}}]`],
  'mistral-v11-tekken': (name, json) => [{ control: '[TOOL_CALLS]' }, name, { control: '[ARGS]' }, json],
  'mistral-v13-tekken': (name, json) => [{ control: '[TOOL_CALLS]' }, name, { control: '[ARGS]' }, json],
  'hermes-chatml': (name, json) => [`<tool_call>\n{"name": "${name}", "arguments": ${json}}\n</tool_call>`],
  hermes: (name, json) => [`<tool_call>\n{"name": "${name}", "arguments": ${json}}\n</tool_call>`],
  'llama-3': (name, json) => [`{"name": "${name}", "parameters": ${json}}`],
  'generic-plain': (name, json) => [`<tool_call>\n{"name": "${name}", "arguments": ${json}}\n</tool_call>`],
}

for (const [formatName, write] of Object.entries(writers) as [FormatName, (typeof writers)[FormatName]][]) {
  describe(`calls held in ${formatName}`, () => {
    const good = piecesOf(write('weather', '{"city": "Rome"}'))

    test('arguments follow the schema of the tool that is called', async () => {
      const format = formatOf(formatName)
      const required: FormatCall = { ...asked, toolChoice: 'required' }
      assert.equal(await allowed(format, required, good), true)
      for (const [name, json] of [
        ['weather', '{}'],
        ['weather', '{"city": 5}'],
        ['weather', '{"city": "Rome", "days": "two"}'],
        ['weather', '{"city": "Rome", "other": 1}'],
        ['weather', '[]'],
        ['now', '{"city": "Rome"}'],
        ['other', '{}'],
      ] as const) {
        assert.equal(await allowed(format, required, piecesOf(write(name, json))), false, `${name} ${json}`)
      }
      assert.equal(await allowed(format, required, piecesOf(['Rome is sunny.'])), false)
    })

    test('a named tool is the one that is called', async () => {
      const format = formatOf(formatName)
      const named: FormatCall = { ...asked, toolChoice: { name: 'now' } }
      assert.equal(await allowed(format, named, piecesOf(write('now', '{}'))), true)
      assert.equal(await allowed(format, named, good), false)
    })

    test('with a schema for the answer, it is that JSON or calls', async () => {
      const format = formatOf(formatName)
      assert.equal(await allowed(format, withSchema, good), true)
      assert.equal(await allowed(format, withSchema, piecesOf(['{"ok": true}'])), true)
      assert.equal(await allowed(format, withSchema, piecesOf(['{"ok": 1}'])), false)
      assert.equal(await allowed(format, withSchema, piecesOf(['Fine.'])), false)
      assert.deepEqual(read(format, withSchema, piecesOf(['{"ok": true}'])), [{ type: 'text', text: '{"ok": true}' }])
    })

    test('without permission nothing is a call', () => {
      const format = formatOf(formatName)
      const none: FormatCall = { ...asked, toolChoice: 'none' }
      assert.equal(format.grammar(none), undefined)
      assert.deepEqual(
        read(format, none, good).filter((part) => part.type === 'tool-call'),
        [],
      )
      const shown = format
        .render(none)
        .map((segment) => (segment.type === 'text' ? segment.text : segment.token))
        .join('')
      assert.equal(shown.includes('Tells the weather'), false)
    })
  })
}
