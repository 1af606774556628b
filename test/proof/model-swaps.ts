// Proves that three models share the memory of one or two under load: no request fails in 100 swaps, and the server does not grow.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ModelStateShown } from '../../src/wire/model-states.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { gemmaModel, starterModel } from '../support/weights.ts'

/** Clients at once. */
const clients = 6
/** Megabytes that the server may be larger by after all swaps than after the first tenth of them. */
const allowance = 60

/** Runs 100 swaps (6 when shortened) among SmolLM2, Gemma 3 270M and a tiny model; returns what happened. Throws when a request fails. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const wanted = whole ? 100 : 6
  const folder = await mkdtemp(join(tmpdir(), 'galerne-swaps-'))
  const tiny = await tinyLlama({ folder, vocabulary: byteVocabulary([]), name: 'tiny', contextLength: 1024 })
  const paths = { smollm2: await starterModel(), gemma: whole ? await gemmaModel() : await starterModel(), tiny }
  const models = Object.entries(paths).flatMap(([name, path]) => ['--model', `${name}=${path}`])
  // Room for one of the larger ones at a time, and for the tiny one beside the smaller.
  const place = ['--models-memory', whole ? '700mb' : '450mb', '--streams', '4', '--context-length', '512']
  const product = await startProduct([...models, ...place])
  try {
    const before = await statesOf(product)
    const first = await drive(product, Object.keys(paths), Math.ceil(wanted / 10), 1)
    const early = await residentMegabytes(product)
    const rest = await drive(product, Object.keys(paths), wanted, 2)
    const late = await residentMegabytes(product)
    const after = await statesOf(product)
    const swaps = loadsOf(after) - loadsOf(before)
    assert.ok(swaps >= wanted, `only ${swaps} swaps`)
    assert.ok(late - early <= allowance, `the server grew from ${early} to ${late} MB`)
    const answered = first.answered + rest.answered
    return report({ swaps, answered, early, late, states: after, longestMs: Math.max(first.longestMs, rest.longestMs) })
  } finally {
    await product.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Clients that call models at random, streamed and whole, until so many loads have happened. Every answer must be complete. */
async function drive(product: RunningProduct, names: readonly string[], loads: number, seed: number) {
  const until = loadsOf(await statesOf(product)) + loads
  let [answered, longestMs, enough] = [0, 0, false]
  const watch = (async () => {
    while (!enough) {
      enough = loadsOf(await statesOf(product)) >= until
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  })()
  const client = async (index: number) => {
    const random = randomFrom(seed * 1000 + index)
    while (!enough) {
      const model = names[Math.floor(random() * names.length)] ?? ''
      const begun = performance.now()
      await ask(product, model, 4 + Math.floor(random() * 40), random() < 0.5)
      answered += 1
      longestMs = Math.max(longestMs, performance.now() - begun)
    }
  }
  await Promise.all([watch, ...Array.from({ length: clients }, (_, index) => client(index))])
  return { answered, longestMs }
}

async function ask({ url, key }: RunningProduct, model: string, tokens: number, stream: boolean): Promise<void> {
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, prompt: 'The sea is', max_tokens: tokens, temperature: 0, stream }),
  })
  const text = await response.text()
  assert.equal(response.status, 200, `${model}: ${text.slice(0, 300)}`)
  if (stream)
    assert.ok(text.trimEnd().endsWith('data: [DONE]') && !text.includes('"error"'), `${model}: ${text.slice(-300)}`)
  else assert.ok((JSON.parse(text) as { choices: unknown[] }).choices.length === 1)
}

async function statesOf({ url, key }: RunningProduct): Promise<readonly ModelStateShown[]> {
  const response = await fetch(`${url}/galerne/v1/models`, { headers: { authorization: `Bearer ${key}` } })
  return ((await response.json()) as { data: ModelStateShown[] }).data
}

const loadsOf = (states: readonly ModelStateShown[]) => states.reduce((sum, { loads }) => sum + loads, 0)

/** Of the server itself; each engine is a process of its own and ends with its swap. */
async function residentMegabytes(product: RunningProduct): Promise<number> {
  const status = await readFile(`/proc/${await serverPid(product)}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
}

/** The launcher starts the server in a process of its own where the system's Node is another one. */
async function serverPid(product: RunningProduct): Promise<number> {
  const pid = product.process.pid ?? 0
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')).trim().split(' ')
  for (const child of children.filter((text) => text !== '')) {
    const command = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')
    if (command.includes('galerne.ts') || command.includes('galerne.js')) return Number(child)
  }
  return pid
}

function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function report(facts: {
  readonly swaps: number
  readonly answered: number
  readonly early: number
  readonly late: number
  readonly longestMs: number
  readonly states: readonly ModelStateShown[]
}): string {
  return [
    `${clients} clients called three models at random, streamed and whole, in the memory of one or two of them. ${facts.answered} requests were answered over ${facts.swaps} loads; none failed. The longest waited ${(facts.longestMs / 1000).toFixed(1)} s, loads included.`,
    '',
    '| model | memory by plan | loaded | seconds to load |',
    '| --- | --- | --- | --- |',
    ...facts.states.map(
      ({ model, memory_bytes, loads, load_seconds }) =>
        `| ${model} | ${Math.round(memory_bytes / 2 ** 20)} MiB | ${loads} times | ${load_seconds.toFixed(1)} |`,
    ),
    '',
    `The server was ${facts.early} MB resident after the first tenth of the swaps and ${facts.late} MB at the end.`,
  ].join('\n')
}
