// Answers that a grammar alone cannot hold: validated before the first byte, sampled again, or refused; and vectors beside generation.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Pool } from '../../src/engine/pool-types.ts'
import type { JsonSchema, Model } from '../../src/wire/model.ts'
import {
  chat,
  chatCall,
  complete,
  completionCall,
  context,
  never,
  reasonOf,
  textOf,
  usageOf,
} from '../conformance/calls.ts'
import { startOne } from '../support/engine.ts'
import { tinyBert } from '../support/gguf-models.ts'
import { wordPieceVocabulary } from '../support/gguf-vocabulary.ts'
import { starterModel } from '../support/weights.ts'

let pool: Pool
let model: Model

before(async () => {
  const path = await starterModel()
  const one = await startOne({ name: 'starter', path, streams: 4, contextLength: 1024, pooling: 'mean' })
  pool = one.pool
  model = one.model
})
after(() => pool?.stop())

const hold = (schema: JsonSchema, sampling: object) => {
  const output = { type: 'json-schema', name: 'answer', schema, strict: true } as const
  return chat(
    model,
    chatCall('Give me a list.', { output, sampling: { temperature: 0.9, seed: 5, maxTokens: 60, ...sampling } }),
  )
}

describe('schemas beyond the grammar', () => {
  test('an answer that validates is sent, whole and after the fact', async () => {
    const list = { type: 'array', items: { enum: [1, 2, 3, 4, 5, 6] }, minItems: 2, maxItems: 3, uniqueItems: true }
    const answer = await hold(list, {})
    const items: unknown = JSON.parse(textOf(answer))
    assert.ok(Array.isArray(items) && new Set(items).size === items.length)
    assert.equal(reasonOf(answer), 'stop')
  })

  test('an answer that never validates is an error before anything was sent', async () => {
    // The grammar holds the items to one value; uniqueItems is left to validation, which two of them never pass.
    const never = { type: 'array', items: { const: 1 }, minItems: 2, maxItems: 2, uniqueItems: true }
    await assert.rejects(hold(never, {}), { name: 'Failure', code: 'schema_not_satisfied' })
    assert.equal(model.load().running, 0)
  })

  test('a schema that nothing can enforce is refused with its place', async () => {
    await assert.rejects(hold({ type: 'string', pattern: '(' }, {}), { name: 'Failure', status: 400 })
  })

  test('a completion takes a schema too', async () => {
    const schema = { enum: ['yes', 'no'] }
    const output = { type: 'json-schema', name: 'vote', schema, strict: true } as const
    const answer = await complete(model, completionCall('Is the sky blue? ', { output }))
    assert.ok(['"yes"', '"no"'].includes(textOf(answer).trim()))
  })
})

describe('vectors', () => {
  const embed = (inputs: (string | number[])[]) => model.embed({ context, inputs }, never())
  const cosine = (one: Float32Array, other: Float32Array) =>
    one.reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0)

  test('are of length one, the same alone and together, and like for like texts', async () => {
    const texts = [
      'The cat sleeps on the sofa.',
      'A cat is asleep on the couch.',
      'Interest rates rose by two percent last year.',
    ]
    const { vectors, promptTokens } = await embed(texts)
    assert.equal(vectors.length, 3)
    assert.ok(promptTokens > 15)
    const [cat, couch, bank] = vectors
    assert.ok(cat instanceof Float32Array && couch !== undefined && bank !== undefined)
    for (const vector of vectors) assert.ok(Math.abs(cosine(vector, vector) - 1) < 1e-4)
    assert.ok(cosine(cat, couch) > cosine(cat, bank))
    const alone = (await embed([texts[1] ?? ''])).vectors[0]
    assert.ok(alone !== undefined && cosine(alone, couch) > 0.9999)
  })

  test('do not wait for generations to end, nor these for them', async () => {
    const sampling = { temperature: 0, maxTokens: 80, minTokens: 80 }
    const first = complete(model, completionCall('Write on:', { sampling }))
    const others = [1, 2, 3, 4].map((index) => complete(model, completionCall(`Write ${index}:`, { sampling })))
    const { vectors } = await embed(Array.from({ length: 5 }, (_, index) => `Text number ${index} of a few.`))
    assert.equal(vectors.length, 5)
    for (const answer of [await first, ...(await Promise.all(others))])
      assert.equal(usageOf(answer).completionTokens, 80)
  })

  test('generation after them is what it was before', async () => {
    const call = completionCall('The capital of Spain is', { context: { ...context, cacheScope: 'before-and-after' } })
    const before = textOf(await complete(model, call))
    await embed(['Something else.'])
    assert.equal(textOf(await complete(model, call)), before)
  })

  test('an empty text and a foreign token are refused by place; a ranking without a head compares vectors', async () => {
    await assert.rejects(embed(['fine', '']), { name: 'Failure', status: 400, param: 'input[1]' })
    await assert.rejects(embed([[10, 99_999_999]]), { name: 'Failure', status: 400, param: 'input' })
    const documents = ['The dog ran.', 'A cat slept on the mat.', '']
    const refused = model.rank({ context, query: 'A cat slept.', documents }, never())
    await assert.rejects(refused, { name: 'Failure', status: 400, param: 'documents[2]' })
    const { scores } = await model.rank({ context, query: 'A cat slept.', documents: documents.slice(0, 2) }, never())
    assert.ok((scores[1] ?? 0) > (scores[0] ?? 1), `${scores}`)
  })
})

describe('a model that only gives vectors', () => {
  test('embeds with the pooling that its file names and refuses to chat', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'galerne-bert-'))
    const path = await tinyBert({ vocabulary: wordPieceVocabulary(['the', 'cat', 'sleeps']), folder })
    const bert = await startOne({ name: 'bert', path })
    try {
      assert.deepEqual([bert.model.card.capabilities.embeddings, bert.model.card.capabilities.chat], [true, false])
      const { vectors } = await bert.model.embed({ context, inputs: ['the cat', 'the cat sleeps', 'the cat'] }, never())
      assert.equal(vectors[0]?.length, bert.model.card.embeddingLength)
      assert.deepEqual(vectors[0], vectors[2])
      await assert.rejects(chat(bert.model, chatCall('Hello')), { name: 'Failure', code: 'unsupported_value' })
    } finally {
      await bert.pool.stop()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
