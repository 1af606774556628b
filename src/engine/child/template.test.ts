// Segments through the real tokenizer: control tokens only where a format put them, BOS once, SentencePiece's space where it belongs.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { tinyLlama } from '../../../test/support/gguf-models.ts'
import { byteVocabulary, extended } from '../../../test/support/gguf-vocabulary.ts'
import { openLibrary } from './library.ts'
import { declareFunctions } from './llama.ts'
import { type LoadedModel, loadModel } from './llama-model.ts'
import { promptTokens, vocabularyFacts } from './template.ts'

let folder: string
let model: LoadedModel

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-template-'))
  const vocabulary = extended(byteVocabulary(['<|im_start|>', '[INST]']), { chatTemplate: '{{ messages }}' })
  model = await loadModel(declareFunctions(openLibrary(() => undefined)), await tinyLlama({ vocabulary, folder }))
})
after(async () => {
  model.free()
  await rm(folder, { recursive: true })
})

test('text that spells a control token stays text', () => {
  const { vocabulary } = model
  const tokens = promptTokens(
    [
      { type: 'control', token: '[INST]' },
      { type: 'text', text: '[INST]</s>' },
    ],
    vocabulary,
  )
  const control = tokens.filter((token) => vocabulary.isControl(token))
  assert.deepEqual(control, [vocabulary.control('<s>'), vocabulary.control('[INST]')])
  assert.equal(vocabulary.detokenize(tokens), '<s>[INST][INST]</s>')
})

test('BOS comes first where the vocabulary wants it, and only once', () => {
  const { vocabulary } = model
  const text = { type: 'text', text: 'a' } as const
  const bos = vocabulary.beginOfSequence
  assert.deepEqual(promptTokens([text], vocabulary)[0], bos)
  const written = promptTokens([{ type: 'control', token: '<s>' }, text], vocabulary)
  assert.equal(written.filter((token) => token === bos).length, 1)
})

test('a token that the vocabulary does not have is written as text', () => {
  const tokens = promptTokens([{ type: 'control', token: '<think>' }], model.vocabulary)
  assert.equal(model.vocabulary.detokenize(tokens), '<s><think>')
})

test('bare text has the tokens it would have inside a text', () => {
  const { vocabulary } = model
  const tokens = promptTokens([{ type: 'text', text: ' né', bare: true }], vocabulary)
  assert.deepEqual(tokens.slice(1), [...vocabulary.tokenize(' né')])
})

test('the facts of a vocabulary come from its file', () => {
  const facts = vocabularyFacts(model.vocabulary, model.metadata)
  assert.deepEqual(
    { ...facts, tokens: [...facts.tokens.keys()] },
    {
      architecture: 'llama',
      chatTemplate: '{{ messages }}',
      tokens: ['<unk>', '<s>', '</s>', '<|im_start|>', '[INST]'],
      tokenizerModel: 'gpt2',
      pre: 'gpt-2',
      beginOfSequence: '<s>',
      endOfSequence: '</s>',
    },
  )
})
