// Ranking through the door on the real engine: a tiny random reranker. Its judgement is noise, but the same noise in any order.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startOne } from '../../../test/support/engine.ts'
import { tinyBert } from '../../../test/support/gguf-models.ts'
import { wordPieceVocabulary } from '../../../test/support/gguf-vocabulary.ts'
import { send } from '../../../test/support/http-client.ts'
import { type RunningServer, startServer } from '../../../test/support/server.ts'
import type { Pool } from '../../engine/pool-types.ts'
import type { RerankResponse } from '../../wire/rerank.ts'

const words = ['river', 'stone', 'bridge', 'cloud', 'light']
let folder: string
let pool: Pool
let other: Awaited<ReturnType<typeof startOne>>
let server: RunningServer
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-rank-'))
  const path = await tinyBert({ vocabulary: wordPieceVocabulary(words), folder, ranks: true })
  const started = await startOne({ name: 'ranker', path })
  pool = started.pool
  const embedder = await tinyBert({ vocabulary: wordPieceVocabulary(words), folder })
  other = await startOne({ name: 'embedder', path: embedder })
  server = await startServer([started.model, other.model])
})
after(async () => {
  await server?.stop()
  await pool?.stop()
  await other?.pool.stop()
  await rm(folder, { recursive: true, force: true })
})

async function scores(query: string, documents: string[]): Promise<Map<string, number>> {
  const answer = await send(server, '/v1/rerank', {
    body: { model: 'ranker', query, documents, return_documents: true },
  })
  assert.equal(answer.status, 200, answer.text)
  const { results } = answer.json() as RerankResponse
  const sorted = results.map((result) => result.relevance_score)
  assert.deepEqual(
    sorted,
    sorted.toSorted((a, b) => b - a),
  )
  return new Map(results.map((result) => [result.document?.text ?? '', result.relevance_score]))
}

test('each pair has its own score, whatever stands beside it', async () => {
  const forward = await scores('river stone', words)
  const backward = await scores('river stone', words.toReversed())
  assert.equal(new Set(forward.values()).size, words.length)
  for (const word of words) assert.equal(backward.get(word), forward.get(word))
  const other = await scores('light', words)
  assert.ok(words.some((word) => other.get(word) !== forward.get(word)))
})

test('a reranker neither writes nor embeds, and says so', async () => {
  for (const [path, body] of [
    ['/v1/embeddings', { input: 'river' }],
    ['/v1/completions', { prompt: 'river' }],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'river' }] }],
    ['/v1/responses', { input: 'river' }],
  ] as const) {
    const answer = await send(server, path, { body: { model: 'ranker', ...body } })
    assert.deepEqual([path, answer.status, answer.json().param], [path, 400, 'model'])
  }
})

test('a model without a head orders by the cosine of its vectors', async () => {
  const query = 'river stone'
  const vectors = await send(server, '/v1/embeddings', { body: { model: 'embedder', input: [query, ...words] } })
  const { data } = vectors.json() as { data: { embedding: number[] }[] }
  const [asked = [], ...given] = data.map(({ embedding }) => embedding)
  const answer = await send(server, '/v1/rerank', { body: { model: 'embedder', query, documents: words } })
  assert.equal(answer.status, 200, answer.text)
  const { results, usage } = answer.json() as RerankResponse
  assert.equal(results.length, words.length)
  for (const { index, relevance_score } of results) {
    const cosine = asked.reduce((sum, value, place) => sum + value * (given[index]?.[place] ?? Number.NaN), 0)
    assert.ok(Math.abs(relevance_score - cosine) < 1e-5, `${relevance_score} is not ${cosine}`)
  }
  const sorted = results.map((result) => result.relevance_score)
  assert.deepEqual(
    sorted,
    sorted.toSorted((a, b) => b - a),
  )
  assert.ok(usage.prompt_tokens > words.length)
})

test('a text that is too long is refused with the place where it stands', async () => {
  const long = 'river '.repeat(2000)
  for (const [model, path, body, param] of [
    ['embedder', '/v1/rerank', { query: 'river', documents: ['stone', long] }, 'documents[1]'],
    ['embedder', '/v1/rerank', { query: long, documents: ['stone'] }, 'query'],
    ['ranker', '/v1/rerank', { query: 'river', documents: [long] }, 'documents[0]'],
    ['embedder', '/v1/embeddings', { input: ['stone', long] }, 'input[1]'],
  ] as const) {
    const answer = await send(server, path, { body: { model, ...body } })
    assert.deepEqual([answer.status, answer.json().code, answer.json().param], [400, 'context_length_exceeded', param])
  }
})
