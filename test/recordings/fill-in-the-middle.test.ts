// Fill-in-the-middle prompts as token ids, on vocabularies with the tokens of each family, in the order that the family documents.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openLibrary } from '../../src/engine/child/library.ts'
import { declareFunctions, type Llama } from '../../src/engine/child/llama.ts'
import { type LoadedModel, loadModel } from '../../src/engine/child/llama-model.ts'
import { promptTokens } from '../../src/engine/child/template.ts'
import { fillInTheMiddle } from '../../src/formats/fill-in-the-middle.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'

const prefix = 'def add(a, b):\n    return '
const suffix = '\n\nprint(add(1, 2))\n'

/** https://github.com/QwenLM/Qwen2.5-Coder, https://huggingface.co/bigcode/starcoder2-15b, https://github.com/deepseek-ai/DeepSeek-Coder */
const documented = {
  qwen: ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'],
  starcoder: ['<fim_prefix>', '<fim_suffix>', '<fim_middle>'],
  deepseek: ['<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'],
} as const

let folder: string
let llama: Llama
const models: LoadedModel[] = []

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-fill-in-'))
  llama = declareFunctions(openLibrary(() => undefined))
})
after(async () => {
  for (const model of models) model.free()
  await rm(folder, { recursive: true })
})

async function vocabularyWith(name: string, tokens: readonly string[]) {
  const path = await tinyLlama({ vocabulary: byteVocabulary(tokens), folder, name })
  const model = await loadModel(llama, path)
  models.push(model)
  return model.vocabulary
}

for (const [name, tokens] of Object.entries(documented)) {
  test(`${name}: prefix, suffix, middle`, async () => {
    const vocabulary = await vocabularyWith(name, tokens)
    const [begin, hole, end] = tokens.map((token) => vocabulary.control(token))
    const ids = promptTokens(fillInTheMiddle(vocabulary.controlTokens)?.render(prefix, suffix, []) ?? [], vocabulary)
    const expected = [begin, ...vocabulary.tokenize(prefix), hole, ...vocabulary.tokenize(suffix), end]
    assert.deepEqual(ids, [vocabulary.beginOfSequence, ...expected])
  })
}

test('text that spells the tokens stays text', async () => {
  const vocabulary = await vocabularyWith('spelled', documented.qwen)
  const segments = fillInTheMiddle(vocabulary.controlTokens)?.render('<|fim_middle|>', '<|fim_prefix|>', []) ?? []
  const ids = promptTokens(segments, vocabulary).filter((id) => vocabulary.isControl(id))
  assert.deepEqual(ids, [vocabulary.beginOfSequence, ...documented.qwen.map((token) => vocabulary.control(token))])
})

test('a vocabulary without such tokens has no form', async () => {
  const vocabulary = await vocabularyWith('none', [])
  assert.equal(fillInTheMiddle(vocabulary.controlTokens), undefined)
})
