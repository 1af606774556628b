// `/v1/rerank` as clients meet it: the order, the best of them, the documents on request, and the refusals by name.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { assertAnswersOrRefuses } from '../../../test/support/any-body.ts'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { send } from '../../../test/support/http-client.ts'
import { assertKeepsSchema } from '../../../test/support/schemas.ts'
import { type RunningServer, startServer } from '../../../test/support/server.ts'
import { RerankResponse } from '../../wire/rerank.ts'

let server: RunningServer
before(async () => {
  server = await startServer([
    createEchoModel(),
    createEchoModel({ name: 'plain', capabilities: { ranking: false, embeddings: false } }),
  ])
})
after(() => server.stop())

const post = (path: string, body: object) => send(server, path, { body })

// The echo model scores by how many words of the query a document repeats.
const documents = ['a sea', 'a blue sea at noon', { text: 'blue blue' }, 'nothing']

async function rerank(body: object, path = '/v1/rerank'): Promise<RerankResponse> {
  const response = await post(path, { model: 'echo', query: 'blue sea', documents, ...body })
  assert.equal(response.status, 200, response.text)
  assertKeepsSchema(RerankResponse, response.json())
  return response.json()
}

test('the best come first, equals in the order of the request, on both paths', async () => {
  for (const path of ['/v1/rerank', '/rerank']) {
    const { results, usage } = await rerank({}, path)
    assert.deepEqual(results, [
      { index: 1, relevance_score: 2 },
      { index: 2, relevance_score: 2 },
      { index: 0, relevance_score: 1 },
      { index: 3, relevance_score: 0 },
    ])
    assert.deepEqual(usage, { prompt_tokens: 12, total_tokens: 12 })
  }
})

test('top_n cuts the list and return_documents repeats the texts', async () => {
  const { results } = await rerank({ top_n: 2, return_documents: true })
  assert.deepEqual(results, [
    { index: 1, relevance_score: 2, document: { text: 'a blue sea at noon' } },
    { index: 2, relevance_score: 2, document: { text: 'blue blue' } },
  ])
})

test('a model with neither a head nor vectors says so, and faults are named', async () => {
  const param = async (body: object) => {
    const response = await post('/v1/rerank', { model: 'echo', query: 'q', documents, ...body })
    assert.equal(response.status, 400)
    return (response.json() as { error: { param: string } }).error.param
  }
  assert.equal(await param({ model: 'plain' }), 'model')
  assert.equal(await param({ query: '' }), 'query')
  assert.equal(await param({ documents: [] }), 'documents')
  assert.equal(await param({ documents: ['a', { title: 'b' }] }), 'documents[1].text')
  assert.equal(await param({ top_n: 0 }), 'top_n')
})

test('any body gets an order or a 4xx', () => {
  const text = fc.constantFrom('', 'a', 'b c')
  return assertAnswersOrRefuses(server, '/v1/rerank', {
    query: text,
    documents: fc.array(fc.oneof(text, fc.record({ text })), { maxLength: 4 }),
    top_n: fc.integer({ min: 0, max: 5 }),
    return_documents: fc.boolean(),
  })
})
