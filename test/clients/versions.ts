// Every version of the official clients that the issue of compatibility names, and how a suite in Python is run with one of them.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Mistral as Mistral1 } from 'mistralai-1'
import { Mistral as Mistral2 } from 'mistralai-2'
import OpenAI4 from 'openai-4'
import OpenAI6 from 'openai-6'
import OpenAI7 from 'openai-7'
import type { MistralVersion } from './mistralai.ts'
import type { Connection, OpenAIVersion } from './openai.ts'

const settings = { maxRetries: 0, timeout: 600_000 }

/** OpenAI's JavaScript client. */
export const openAIVersions: readonly OpenAIVersion[] = [
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

/** Mistral's TypeScript client. */
export const mistralVersions: readonly MistralVersion[] = [
  // As above: one suite, typed by 2.x.
  { name: '@mistralai/mistralai 1.x (npm)', create: (options) => new Mistral1(options) as unknown as Mistral2 },
  { name: '@mistralai/mistralai 2.x (npm)', create: (options) => new Mistral2(options) },
]

/** Virtual environments that `scripts/prepare-python.sh` makes, and which client each holds. */
const pythonVersions = [
  { name: 'openai 1.x (PyPI)', environment: 'openai-1', client: 'openai' },
  { name: 'openai 3.x (PyPI)', environment: 'openai-3', client: 'openai' },
  { name: 'mistralai 1.x (PyPI)', environment: 'mistralai-1', client: 'mistralai' },
  { name: 'mistralai 3.x (PyPI)', environment: 'mistralai-3', client: 'mistralai' },
] as const

/** Declares a test per Python client that runs `<client>_<suite>.py`, with each of its functions as a subtest. */
export function testInPython(suite: string, leastTests: number, connection: () => Connection): void {
  for (const { name, environment, client } of pythonVersions) {
    const python = fileURLToPath(new URL(`../../.cache/python/${environment}/bin/python`, import.meta.url))
    const missing = existsSync(python) ? false : `run scripts/prepare-python.sh to make .cache/python/${environment}`
    test(name, { skip: missing }, (t) => runPython(t, python, `${client}_${suite}.py`, leastTests, connection()))
  }
}

async function runPython(
  t: TestContext,
  python: string,
  file: string,
  leastTests: number,
  { url, key, model, embeddingModel }: Connection,
): Promise<void> {
  const script = fileURLToPath(new URL(`./python/${file}`, import.meta.url))
  const args = [script, url, key, model, embeddingModel]
  const { stdout } = await promisify(execFile)(python, args, { timeout: 600_000 })
  const results = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; ok: boolean; error?: string })
  assert.ok(results.length >= leastTests, `only ${results.length} tests ran`)
  for (const result of results) await t.test(result.name, () => assert.ok(result.ok, result.error))
}
