// The official clients, every version the issue of compatibility names, against the running product with real weights.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Mistral as Mistral1 } from 'mistralai-1'
import { Mistral as Mistral2 } from 'mistralai-2'
import OpenAI4 from 'openai-4'
import OpenAI6 from 'openai-6'
import OpenAI7 from 'openai-7'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { starterModel } from '../support/weights.ts'
import { type MistralVersion, runMistralSuite } from './mistralai.ts'
import { type Connection, type OpenAIVersion, runOpenAISuite } from './openai.ts'
import { writeTinyBert } from './tiny-bert.ts'

const settings = { maxRetries: 0, timeout: 240_000 }

const openAIVersions: readonly OpenAIVersion[] = [
  {
    name: 'openai 4.x (npm)',
    // The suite uses only what 4.x has under the same names; its own types differ in details that the suite never touches.
    create: (options) => new OpenAI4({ ...options, ...settings }) as unknown as OpenAI7,
    streamHelper: (client) => {
      const { completions } = (client as unknown as OpenAI4).beta.chat
      return completions.stream.bind(completions) as unknown as OpenAI7['chat']['completions']['stream']
    },
  },
  {
    name: 'openai 6.x (npm)',
    create: (options) => new OpenAI6({ ...options, ...settings }) as unknown as OpenAI7,
    streamHelper: (client) => client.chat.completions.stream.bind(client.chat.completions),
  },
  {
    name: 'openai 7.x (npm)',
    create: (options) => new OpenAI7({ ...options, ...settings }),
    streamHelper: (client) => client.chat.completions.stream.bind(client.chat.completions),
  },
]

const mistralVersions: readonly MistralVersion[] = [
  // As above: one suite, typed by 2.x.
  { name: '@mistralai/mistralai 1.x (npm)', create: (options) => new Mistral1(options) as unknown as Mistral2 },
  { name: '@mistralai/mistralai 2.x (npm)', create: (options) => new Mistral2(options) },
]

/** Virtual environments that `scripts/prepare-python.sh` makes, and the suite that each runs. */
const pythonVersions = [
  { name: 'openai 1.x (PyPI)', environment: 'openai-1', suite: 'openai_suite.py' },
  { name: 'openai 3.x (PyPI)', environment: 'openai-3', suite: 'openai_suite.py' },
  { name: 'mistralai 1.x (PyPI)', environment: 'mistralai-1', suite: 'mistralai_suite.py' },
  { name: 'mistralai 3.x (PyPI)', environment: 'mistralai-3', suite: 'mistralai_suite.py' },
] as const

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

for (const { name, environment, suite } of pythonVersions) {
  const python = fileURLToPath(new URL(`../../.cache/python/${environment}/bin/python`, import.meta.url))
  const missing = existsSync(python) ? false : `run scripts/prepare-python.sh to make .cache/python/${environment}`
  test(name, { skip: missing }, async (t) => {
    const script = fileURLToPath(new URL(`./python/${suite}`, import.meta.url))
    const args = [script, connection.url, connection.key, connection.model, connection.embeddingModel]
    const { stdout } = await promisify(execFile)(python, args, { timeout: 600_000 })
    const results = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; ok: boolean; error?: string })
    assert.ok(results.length >= 10, `only ${results.length} tests ran`)
    for (const result of results) await t.test(result.name, () => assert.ok(result.ok, result.error))
  })
}
