// Our encoder through the real tokenizer gives the prompt ids that mistral-common gives, for every version and vocabulary it carries.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openLibrary } from '../../src/engine/child/library.ts'
import { declareFunctions, type Llama } from '../../src/engine/child/llama.ts'
import { type LoadedModel, loadModel } from '../../src/engine/child/llama-model.ts'
import { promptTokens, vocabularyFacts } from '../../src/engine/child/template.ts'
import { detectFormat } from '../../src/formats/detect.ts'
import { fillInTheMiddle } from '../../src/formats/fill-in-the-middle.ts'
import type { FormatCall } from '../../src/formats/format.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { extended, sentencePieceVocabulary, tekkenVocabulary } from '../support/gguf-vocabulary.ts'
import recordings from './mistral-common.json' with { type: 'json' }
import { missingMistralCommon, mistralCommonData } from './mistral-common-package.ts'

type Ids = Readonly<Record<string, readonly number[] | null>>

const skip = missingMistralCommon()

/** Opened once for all vocabularies, and not where the tests are skipped. */
let llama: Llama | undefined

for (const [version, { file, names, template }] of Object.entries(recordings.versions)) {
  describe(`mistral ${version}`, { skip }, () => {
    let folder: string
    let model: LoadedModel

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'galerne-mistral-'))
      const path = join(mistralCommonData() ?? '', file)
      const plain = file.endsWith('.json') ? await tekkenVocabulary(path, names) : await sentencePieceVocabulary(path)
      const vocabulary = template === null ? plain : extended(plain, { chatTemplate: template })
      llama ??= declareFunctions(openLibrary(() => undefined))
      model = await loadModel(llama, await tinyLlama({ vocabulary, folder, name: version }))
    })
    after(async () => {
      model.free()
      await rm(folder, { recursive: true })
    })

    test('is told from the vocabulary', () => {
      assert.equal(format().name, `mistral-${version}`)
    })

    for (const chat of recordings.chats) {
      const expected = (chat.ids as Ids)[version]
      if (expected === null || expected === undefined) continue
      test(chat.name, () => {
        const ids = promptTokens(format().render(callOf(chat)), model.vocabulary)
        assert.deepEqual(
          ids,
          expected,
          `\n${model.vocabulary.detokenize(ids)}\n${model.vocabulary.detokenize(expected)}`,
        )
      })
    }

    for (const { prefix, suffix, ids } of recordings.fillings) {
      const expected = (ids as Ids)[version]
      if (expected === null || expected === undefined) continue
      test(`fills in between ${JSON.stringify(prefix)} and ${JSON.stringify(suffix)}`, () => {
        const form = fillInTheMiddle(model.vocabulary.controlTokens)
        assert.deepEqual(promptTokens(form?.render(prefix, suffix, []) ?? [], model.vocabulary), expected)
      })
    }

    const format = () => detectFormat(vocabularyFacts(model.vocabulary, model.metadata))
  })
}

function callOf({ messages, tools }: { messages: unknown; tools: unknown }): FormatCall {
  return {
    messages: messages as FormatCall['messages'],
    tools: tools as FormatCall['tools'],
    sampling: {},
    output: { type: 'text' },
    toolChoice: 'auto',
    parallelToolCalls: true,
  }
}
