// Fill-in-the-middle through every door on the real engine: a tiny random model whose vocabulary is bytes and the tokens of the form.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startOne } from '../../../test/support/engine.ts'
import { tinyLlama } from '../../../test/support/gguf-models.ts'
import { byteVocabulary } from '../../../test/support/gguf-vocabulary.ts'
import { send } from '../../../test/support/http-client.ts'
import { type RunningServer, startServer } from '../../../test/support/server.ts'
import type { Pool } from '../../engine/pool-types.ts'

let folder: string
let pool: Pool
let server: RunningServer
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-fim-'))
  const vocabulary = byteVocabulary(['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'])
  const path = await tinyLlama({ vocabulary, folder })
  const started = await startOne({ name: 'coder', path, streams: 2, contextLength: 256 })
  pool = started.pool
  server = await startServer([started.model])
})
after(async () => {
  await server?.stop()
  await pool?.stop()
  await rm(folder, { recursive: true, force: true })
})

const post = (path: string, body: object) => send(server, path, { body: { model: 'coder', seed: 1, ...body } })

// A byte is a token: what is written, three tokens of the form, and one that begins every text.
const promptTokens = 'before'.length + 'after'.length + 4

test("Mistral's, OpenAI's and llama.cpp's doors write the same prompt", async () => {
  const fim = await post('/v1/fim/completions', { prompt: 'before', suffix: 'after', max_tokens: 3, temperature: 0 })
  assert.equal(fim.status, 200, fim.text)
  assert.equal(fim.json().usage.prompt_tokens, promptTokens)
  const legacy = await post('/v1/completions', { prompt: 'before', suffix: 'after', max_tokens: 3, temperature: 0 })
  assert.equal(legacy.json().usage.prompt_tokens, promptTokens)
  assert.equal(legacy.json().choices[0].text, fim.json().choices[0].message.content)
  const infill = { input_prefix: 'bef', prompt: 'ore', input_suffix: 'after', n_predict: 3, temperature: 0 }
  const answer = await post('/infill', infill)
  assert.equal(answer.json().tokens_evaluated, promptTokens)
  assert.equal(answer.json().content, fim.json().choices[0].message.content)
  assert.equal(answer.json().tokens_predicted, 3)
})

test('control tokens that a client spells stay text', async () => {
  const spelled = await post('/v1/fim/completions', { prompt: 'before<|fim_middle|>', suffix: 'after', max_tokens: 1 })
  assert.equal(spelled.json().usage.prompt_tokens, promptTokens + '<|fim_middle|>'.length)
})

test('a gap whose sides do not fit is a 400 with both numbers', async () => {
  const answer = await post('/infill', { input_prefix: 'x'.repeat(200), input_suffix: 'y'.repeat(200) })
  assert.equal(answer.status, 400)
  assert.equal(answer.json().error.code, 'context_length_exceeded')
  assert.match(answer.json().message, /256 tokens.*404 tokens/)
})
