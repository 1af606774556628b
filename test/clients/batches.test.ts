// Files, uploads and batches through the official clients, every version, against the running product with real weights.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { starterModel } from '../support/weights.ts'
import { runMistralBatches } from './mistralai-batches.ts'
import type { Connection } from './openai.ts'
import { runOpenAIBatches } from './openai-batches.ts'
import { mistralVersions, openAIVersions, testInPython } from './versions.ts'

let server: RunningProduct
let connection: Connection

before(async () => {
  const model = await starterModel()
  server = await startProduct(['--model', `starter=${model}`, '--streams', '8', '--context-length', '512'])
  connection = { url: server.url, key: server.key, model: 'starter', embeddingModel: 'starter' }
})

after(async () => {
  assert.equal(await server.stop(), 0)
})

for (const version of openAIVersions) test(version.name, (t) => runOpenAIBatches(t, version, connection))
for (const version of mistralVersions) test(version.name, (t) => runMistralBatches(t, version, connection))
testInPython('batches', 4, () => connection)
