// The embedding starter, pulled and converted, gives sentence-transformers' ids and vectors. Recorded by scripts/record-minilm.py.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { embeddingModel } from '../support/weights.ts'

interface Recorded {
  readonly sentences: readonly { readonly text: string; readonly ids: readonly number[]; readonly vector: number[] }[]
  readonly hostile: readonly { readonly text: string; readonly ids: readonly number[] }[]
}

const recorded = JSON.parse(await readFile(join(import.meta.dirname, 'all-minilm.json'), 'utf8')) as Recorded
let product: RunningProduct | undefined
let missing = ''

before(async () => {
  const path = await embeddingModel().catch((error: unknown) => {
    missing = `the weights are neither here nor to be had: ${error instanceof Error ? error.message : error}`
  })
  if (path !== undefined) product = await startProduct(['--model', `minilm=${path}`, '--threads', '1'])
})
after(() => product?.stop())

async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`${product?.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${product?.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(response.status, 200, await response.clone().text())
  return (await response.json()) as Record<string, unknown>
}

test('vectors of 384 numbers, within 1e-3 of those of sentence-transformers', async (context) => {
  if (product === undefined) return context.skip(missing)
  const texts = recorded.sentences.map(({ text }) => text)
  const { data } = (await post('/v1/embeddings', { model: 'minilm', input: texts })) as {
    data: { embedding: number[] }[]
  }
  let most = 0
  for (const [place, { vector }] of recorded.sentences.entries()) {
    const own = data[place]?.embedding ?? []
    assert.equal(own.length, 384)
    for (const [index, value] of vector.entries()) most = Math.max(most, Math.abs(value - (own[index] ?? Number.NaN)))
  }
  context.diagnostic(`the largest difference is ${most.toExponential(2)}`)
  assert.ok(most < 1e-3, `the largest difference is ${most}`)
})

test('every text of the sample has the ids of its own tokenizer', async (context) => {
  if (product === undefined) return context.skip(missing)
  const wrong: string[] = []
  for (const { text, ids } of [...recorded.sentences, ...recorded.hostile]) {
    const { tokens } = await post('/tokenize', { model: 'minilm', prompt: text })
    if (JSON.stringify(tokens) !== JSON.stringify(ids)) wrong.push(`${JSON.stringify(text)}: ${tokens} and not ${ids}`)
  }
  assert.deepEqual(wrong, [])
})
