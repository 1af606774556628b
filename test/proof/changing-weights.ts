// Proves that weights change safely on the real engine: a canary gets the share that its seed says, a damaged version is rolled back, a shadow
// touches no answer, and an alias moves under load on two nodes without a failed request. Needs a PostgreSQL for the nodes.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { isDrawn } from '../../src/features/models/canary.ts'
import { emptyPostgres } from '../support/databases.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { startNodes } from '../support/nodes.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { starterModel } from '../support/weights.ts'

const [percent, seed] = [25, 20261126]

/** 400 calls and 200 moves (40 and 6 when shortened, on tiny weights alone); returns Markdown. Throws when a call fails that must not. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-changing-'))
  try {
    const vocabulary = byteVocabulary([])
    const tiny = await tinyLlama({ folder, vocabulary, name: 'tiny', seed: 3 })
    const second = await tinyLlama({ folder, vocabulary, name: 'second', seed: 4 })
    const target = whole ? await starterModel() : tiny
    const damaged = await damagedCopy(second, join(folder, 'damaged.gguf'))
    const models = [target, second, damaged].flatMap((path) => ['--model', `live=${path}`])
    const product = await startProduct([...models, '--streams', '4', '--context-length', '512'])
    try {
      const names = await versionsOf(product)
      const split = await splitCalls(product, names, whole ? 400 : 40)
      const rolled = await rollBack(product, names, whole ? 200 : 20)
      const copied = await shadowed(product, names, whole ? 100 : 10)
      const moves = await moveOnTwoNodes(second, whole ? 200 : 6)
      return [
        `The target is ${whole ? 'SmolLM2-135M-Instruct Q4_1' : 'a tiny model'}.`,
        split,
        rolled,
        copied,
        moves,
      ].join('\n\n')
    } finally {
      await product.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A file that loads, and computes nothing but infinities: the scales of its last norm are the largest number there is. */
async function damagedCopy(path: string, copy: string): Promise<string> {
  const bytes = await readFile(path)
  const [ones, largest] = [1, 3.4e38].map((value) => Buffer.from(new Float32Array(64).fill(value).buffer))
  assert.ok(ones && largest && bytes.includes(ones))
  largest.copy(bytes, bytes.indexOf(ones))
  await writeFile(copy, bytes)
  return copy
}

interface Server {
  readonly url: string
  readonly key: string
}

async function ask({ url, key }: Server, method: string, path: string, body?: object) {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  // biome-ignore lint/suspicious/noExplicitAny: the proof walks bodies of several shapes, and a wrong step fails it.
  return { status: answer.status, body: (text.startsWith('{') ? JSON.parse(text) : text) as any }
}

const chat = (server: Server, model: string) =>
  ask(server, 'POST', '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 })
const point = async (server: Server, name: string, body: object) =>
  assert.equal((await ask(server, 'PUT', `/galerne/v1/aliases/${name}`, body)).status, 200)

/** The target's name, and the versions beside it. */
async function versionsOf(product: RunningProduct) {
  const { data } = (await ask(product, 'GET', '/v1/models')).body
  const [target = '', fresh = '', bad = ''] = data.map(({ id }: { id: string }) => id)
  return { target, fresh, bad }
}

type Names = Awaited<ReturnType<typeof versionsOf>>

async function splitCalls(product: RunningProduct, { target, fresh }: Names, calls: number): Promise<string> {
  await point(product, 'split', { target, canary: { target: fresh, percent, sticky: 'random', seed } })
  const got: boolean[] = []
  for (let call = 0; call < calls; call++) {
    const { status, body } = await chat(product, 'split')
    assert.equal(status, 200)
    got.push(body.model === fresh)
  }
  // These are the server's first calls of aliases, one after the other: the seed says each of them.
  const drawn = got.map((_, call) => isDrawn(percent, seed, `call ${call + 1}`))
  assert.deepEqual(got, drawn)
  const count = got.filter(Boolean).length
  return `A canary of ${percent} % got ${count} of ${calls} calls (${((100 * count) / calls).toFixed(1)} %), each as the seed says; none failed.`
}

async function rollBack(product: RunningProduct, { target, bad }: Names, after: number): Promise<string> {
  const canary = { target: bad, percent: 20, sticky: 'random', seed }
  await point(product, 'risky', { target, canary })
  let [calls, failed] = [0, 0]
  for (; failed < 20; calls++) if ((await chat(product, 'risky')).status !== 200) failed += 1
  for (let call = 0; call < after; call++) {
    const { status, body } = await chat(product, 'risky')
    assert.deepEqual([status, body.model], [200, target])
  }
  const { data } = (await ask(product, 'GET', '/galerne/v1/aliases/risky/history')).body
  assert.equal(data[0].action, 'rolled-back')
  return `A damaged version as a canary of 20 % failed 20 of the first ${calls} calls and was rolled back ("${data[0].reason}"); the ${after} calls after that were all answered by the target.`
}

/** Calls with and without copies in turn, so that both see the same machine. */
async function shadowed(product: RunningProduct, { target, fresh, bad }: Names, calls: number): Promise<string> {
  await point(product, 'plain', { target })
  await point(product, 'copied', { target, shadow: { target: fresh } })
  await point(product, 'copied-badly', { target, shadow: { target: bad } })
  const times = { plain: [] as number[], copied: [] as number[], 'copied-badly': [] as number[] }
  for (let call = 0; call < calls; call++) {
    for (const [name, taken] of Object.entries(times)) {
      const since = systemClock.elapsed()
      const { status, body } = await chat(product, name)
      taken.push(systemClock.elapsed() - since)
      assert.deepEqual([status, body.model], [200, target])
    }
  }
  const median = (values: readonly number[]) => values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0
  const rows = Object.entries(times).map(([name, taken]) => `| ${name} | ${median(taken).toFixed(1)} ms |`)
  return `${calls} calls each, in turn: without a shadow, with copies to a good version, with copies to the damaged one. All were answered by the target.\n\n| alias | p50 of the answer |\n| --- | --- |\n${rows.join('\n')}`
}

async function moveOnTwoNodes(second: string, moves: number): Promise<string> {
  const place = await emptyPostgres()
  const nodes = await startNodes(place.url, { flags: ['--model', `tiny=${second}`] })
  try {
    const each = nodes.each.map(({ url }) => ({ url, key: nodes.key }))
    const [one, other] = each
    assert.ok(one && other)
    const { data } = (await ask(one, 'GET', '/v1/models')).body
    const targets = data.map(({ id }: { id: string }) => id) as string[]
    await point(one, 'live', { target: 'tiny' })
    while ((await chat(other, 'live')).status !== 200);
    let [isOver, answered] = [false, 0]
    const clients = Array.from({ length: 6 }, async () => {
      for (; !isOver; answered++) assert.equal((await chat(nodes, 'live')).status, 200)
    })
    const delays: number[] = []
    for (let move = 1; move <= moves; move++) {
      const target = targets[move % 2] ?? ''
      await point(move % 3 === 0 ? other : one, 'live', { target })
      const since = systemClock.elapsed()
      const arrivals = each.map(async (node) => {
        while ((await chat(node, 'live')).body.model !== target);
      })
      await Promise.all(arrivals)
      delays.push(systemClock.elapsed() - since)
    }
    isOver = true
    await Promise.all(clients)
    const worst = Math.max(...delays)
    return `Two nodes on one PostgreSQL: an alias moved ${moves} times, now on the one, now on the other, while 6 clients called it. ${answered} calls were answered, none failed. At worst ${worst.toFixed(0)} ms after a move both nodes had answered a call by the new target.`
  } finally {
    await nodes.stop()
    await place.remove()
  }
}
