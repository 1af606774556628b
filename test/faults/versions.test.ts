// Versions of one model's weights on the real engine: a damaged one is rolled back, an alias moves under load on one node and on two without a
// failed request, and what was set over HTTP outlives a restart.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { emptyPostgres, type Place, withoutPostgres } from '../support/databases.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { type Nodes, startNodes } from '../support/nodes.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'

const vocabulary = byteVocabulary([])
let folder = ''
let [first, second, damaged] = ['', '', '']
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-versions-'))
  first = await tinyLlama({ folder, vocabulary, name: 'first', seed: 3 })
  second = await tinyLlama({ folder, vocabulary, name: 'second', seed: 4 })
  damaged = join(folder, 'damaged.gguf')
  const bytes = await readFile(first)
  // The scales of the last norm become the largest number there is: a file that loads, and computes nothing but infinities.
  const [ones, largest] = [1, 3.4e38].map((value) => Buffer.from(new Float32Array(64).fill(value).buffer))
  assert.ok(ones && largest && bytes.includes(ones))
  largest.copy(bytes, bytes.indexOf(ones))
  await writeFile(damaged, bytes)
})
after(() => rm(folder, { recursive: true, force: true }))

const digestOf = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
const versionOf = async (path: string) => `tiny@sha256:${(await digestOf(path)).slice(0, 12)}`

interface Answer {
  readonly status: number
  readonly ranOn: string | null
  // biome-ignore lint/suspicious/noExplicitAny: tests walk bodies of every shape, and a wrong step fails the test.
  readonly body: any
}

async function ask(url: string, key: string, method: string, path: string, body?: object): Promise<Answer> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  const ranOn = answer.headers.get('galerne-ran-on')
  return { status: answer.status, ranOn, body: text.startsWith('{') ? JSON.parse(text) : text }
}

const chat = (url: string, key: string, model: string) =>
  ask(url, key, 'POST', '/v1/chat/completions', {
    model,
    messages: [{ role: 'user', content: 'hello' }],
    max_tokens: 4,
  })

/** Asks `model` from several clients until `work` is done; the answers, all of them. */
async function underLoad(url: string, key: string, model: string, work: () => Promise<void>): Promise<Answer[]> {
  const answers: Answer[] = []
  let isOver = false
  const clients = Array.from({ length: 4 }, async () => {
    while (!isOver) answers.push(await chat(url, key, model))
  })
  await work()
  isOver = true
  await Promise.all(clients)
  return answers
}

describe('versions on the real engine', () => {
  let product: RunningProduct
  let [fresh, bad] = ['', '']
  before(async () => {
    fresh = await versionOf(second)
    bad = await versionOf(damaged)
    const models = [first, second, damaged].flatMap((path) => ['--model', `tiny=${path}`])
    product = await startProduct([...models, '--streams', '4', '--context-length', '512'])
  })
  after(() => product?.stop())
  const admin = (method: string, path: string, body?: object) => ask(product.url, product.key, method, path, body)

  test('weights of one name are versions of it; answers, headers, cards and usage say which ran', async () => {
    const { data } = (await admin('GET', '/v1/models')).body
    const shown = data.map(({ id, digest }: { id: string; digest: string }) => [id, digest])
    assert.deepEqual(shown, [
      ['tiny', `sha256:${await digestOf(first)}`],
      [fresh, `sha256:${await digestOf(second)}`],
      [bad, `sha256:${await digestOf(damaged)}`],
    ])
    const one = await chat(product.url, product.key, 'tiny')
    assert.equal(one.body.model, 'tiny')
    assert.ok(one.ranOn?.startsWith(`tiny@sha256:${(await digestOf(first)).slice(0, 12)}@`), String(one.ranOn))
    const other = await chat(product.url, product.key, `tiny@sha256:${await digestOf(second)}`)
    assert.equal(other.body.model, fresh)
    assert.ok(other.ranOn?.startsWith(`${fresh}@`), String(other.ranOn))
    assert.notEqual(other.body.choices[0].message.content, one.body.choices[0].message.content)
    const states = (await admin('GET', '/galerne/v1/models')).body.data
    assert.equal(states[1].digest, `sha256:${await digestOf(second)}`)
  })

  test('a damaged version gets its share until it has failed enough, and then nothing: the rest is answered by the target', async () => {
    const canary = { target: bad, percent: 50, sticky: 'random', seed: 1, rollback: { minimum_calls: 5 } }
    assert.equal((await admin('PUT', '/galerne/v1/aliases/live', { target: 'tiny', canary })).status, 200)
    const failures: string[] = []
    for (let call = 0; call < 100 && failures.length < 5; call++) {
      const { status, body } = await chat(product.url, product.key, 'live')
      if (status !== 200) failures.push(body.error.code)
    }
    assert.deepEqual(failures, Array(5).fill('engine_output_invalid'))
    for (let call = 0; call < 20; call++) {
      assert.equal((await chat(product.url, product.key, 'live')).body.model, 'tiny')
    }
    const history = async () => (await admin('GET', '/galerne/v1/aliases/live/history')).body.data
    let changes = await history()
    while (changes.length < 2) changes = await history()
    assert.match(changes[0].reason, /5 of its last 5 calls failed/)
  })

  test('an alias moves to and fro under load, and no request fails', async () => {
    const answers = await underLoad(product.url, product.key, 'live', async () => {
      for (let move = 0; move < 20; move++) {
        const target = move % 2 === 0 ? fresh : 'tiny'
        assert.equal((await admin('PUT', '/galerne/v1/aliases/live', { target })).status, 200)
        // The move counts from the very next call on.
        assert.equal((await chat(product.url, product.key, 'live')).body.model, target)
      }
    })
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.deepEqual(new Set(answers.map(({ body }) => body.model)), new Set(['tiny', fresh]))
  })

  test('/metrics and /readyz tell of every version', async () => {
    const text = (await admin('GET', '/metrics')).body as string
    const info = `galerne_model_info{model_name="${fresh}",family="tiny",digest="sha256:${await digestOf(second)}"} 1`
    assert.ok(text.includes(info), text.match(/galerne_model_info.*/g)?.join('\n'))
    assert.match(text, /galerne_model_state\{model_name="tiny",state="ready"\} 1/)
    for (const model of ['tiny', fresh, bad]) {
      const { status, body } = await admin('GET', `/readyz/${model}`)
      assert.deepEqual([status, body.status], [200, 'ready'], model)
    }
    assert.equal((await admin('GET', '/readyz/nothing')).status, 404)
  })
})

describe('two nodes on one PostgreSQL', { skip: withoutPostgres }, () => {
  let place: Place
  let nodes: Nodes
  before(async () => {
    place = await emptyPostgres()
    nodes = await startNodes(place.url, { flags: ['--model', `tiny=${second}`] })
  })
  after(async () => {
    await nodes?.stop()
    await place?.remove()
  })

  test('an alias that moves on one node moves on the other, and no request fails on either', async () => {
    const fresh = await versionOf(second)
    const put = (target: string) =>
      ask(nodes.each[0]?.url ?? '', nodes.key, 'PUT', '/galerne/v1/aliases/live', { target })
    await put('tiny')
    const hasMoved = async (url: string, target: string) => {
      let answer = await chat(url, nodes.key, 'live')
      // The notice is on its way for a moment; a test that never sees it never ends.
      while (answer.body.model !== target) answer = await chat(url, nodes.key, 'live')
    }
    await hasMoved(nodes.each[1]?.url ?? '', 'tiny')
    const answers = await underLoad(nodes.url, nodes.key, 'live', async () => {
      for (let move = 0; move < 10; move++) {
        const target = move % 2 === 0 ? fresh : 'tiny'
        assert.equal((await put(target)).status, 200)
        for (const { url } of nodes.each) await hasMoved(url, target)
      }
    })
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.ok(answers.length > 10)
  })
})
