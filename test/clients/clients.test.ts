// The official clients, every version the issue of compatibility names, against the running product with real weights.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { starterModel } from '../support/weights.ts'
import { runMistralSuite } from './mistralai.ts'
import { type Connection, runOpenAISuite } from './openai.ts'
import { writeTinyBert } from './tiny-bert.ts'
import { mistralVersions, openAIVersions, testInPython } from './versions.ts'

let server: RunningProduct
let connection: Connection

before(async () => {
  const [starter, bert] = await Promise.all([starterModel(), writeTinyBert()])
  server = await startProduct(['--model', `starter=${starter}`, '--model', `tiny-bert=${bert}`, '--pooling', 'mean'])
  connection = { url: server.url, key: server.key, model: 'starter', embeddingModel: 'tiny-bert' }
})

after(async () => {
  assert.equal(await server.stop(), 0)
})

for (const version of openAIVersions) test(version.name, (t) => runOpenAISuite(t, version, connection))
for (const version of mistralVersions) test(version.name, (t) => runMistralSuite(t, version, connection))

testInPython('suite', 10, () => connection)
