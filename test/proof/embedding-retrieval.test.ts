// The proof, shortened to one document.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embeddingModel } from '../support/weights.ts'
import { missingData, run } from './embedding-retrieval.ts'

test('the embedding starter finds the passages that answer questions', async (context) => {
  const missing = missingData()
  if (missing !== undefined) return context.skip(missing)
  const weights = await embeddingModel().catch(() => undefined)
  if (weights === undefined) return context.skip('the weights are neither here nor to be had')
  const findings = await run({ whole: false })
  assert.match(findings, /^\| BM25 .*\| 0\.\d{3} \| 0\.\d{3} \| [01]\.\d{3} \|$/m)
  assert.match(findings, /^\| vectors .*\| 0\.[5-9]\d{2} \| 0\.\d{3} \| [01]\.\d{3} \|$/m)
})
