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
import type { Pool } from '../../engine/pool.ts'
import type { RerankResponse } from '../../wire/rerank.ts'

const words = ['river', 'stone', 'bridge', 'cloud', 'light']
let folder: string
let pool: Pool
let server: RunningServer
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-rank-'))
  const path = await tinyBert({ vocabulary: wordPieceVocabulary(words), folder, ranks: true })
  const started = await startOne({ name: 'ranker', path })
  pool = started.pool
  server = await startServer([started.model])
})
after(async () => {
  await server?.stop()
  await pool?.stop()
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
