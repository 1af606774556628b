// A model in three files, pulled from a hub by the name of any of them, is loaded as one and answers as the same model in one file does.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { createEgress } from '../../src/base/egress.ts'
import { pull } from '../../src/features/models/pull.ts'
import { complete, completionCall, textOf } from '../conformance/calls.ts'
import { startOne } from '../support/engine.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { startHub } from '../support/hub.ts'

test('parts are pulled, planned and loaded as one model', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-in-parts-'))
  const [hub, egress] = [await startHub(), createEgress()]
  try {
    const vocabulary = byteVocabulary([])
    const whole = await tinyLlama({ folder, vocabulary, name: 'whole' })
    const first = await tinyLlama({ folder, vocabulary, name: 'cut', parts: 3 })
    for (const part of [1, 2, 3]) {
      const path = first.replace('-00001-of', `-0000${part}-of`)
      hub.put('team/Cut-GGUF', basename(path), { content: await readFile(path) })
    }
    const reference = 'hf:team/Cut-GGUF:cut-00003-of-00003.gguf'
    const options = { home: join(folder, 'home'), hubCache: join(folder, 'cache'), hubUrl: hub.url, egress }
    const pulled = await pull(reference, options)
    assert.equal(pulled.files.length, 3)
    const answers = []
    for (const path of [whole, pulled.path]) {
      const { pool, model } = await startOne({ name: 'tiny', path, streams: 2, contextLength: 512 })
      try {
        const call = completionCall('abc', { sampling: { temperature: 0, maxTokens: 20, minTokens: 20 } })
        answers.push(textOf(await complete(model, call)))
      } finally {
        await pool.stop()
      }
    }
    assert.ok((answers[0]?.length ?? 0) > 0)
    assert.equal(answers[1], answers[0])
  } finally {
    await hub.close()
    await egress.close()
    await rm(folder, { recursive: true })
  }
})
