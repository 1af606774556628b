// Proves that no body, however wrong, makes the server fail or grow: no 5xx, and memory stays where it was after the first thousand.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { type HostileRequest, hostileRequests } from './malformed-bodies/requests.ts'

const inFlight = 8
/** Megabytes that the server may be larger by, after all requests than after the first ones. */
const allowance = 50

/** Sends 10,000 requests (200 when shortened) to the running product; returns a Markdown table. Throws when the proof does not hold. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const [total, first] = whole ? [10_000, 1000] : [200, 100]
  const folder = await mkdtemp(join(tmpdir(), 'galerne-bodies-'))
  // A tiny model and a short context: the server is on trial, and a body that lost its max_tokens must not cost a minute.
  const path = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
  const product = await startProduct(['--model', `starter=${path}`, '--streams', '8', '--context-length', '512'])
  try {
    const requests = fc.sample(hostileRequests('starter'), { numRuns: total, seed: 20_261_123 })
    const outcomes = new Map<string, number>()
    await sendAll(product, requests.slice(0, first), outcomes)
    const early = await residentMegabytes(product)
    await sendAll(product, requests.slice(first), outcomes)
    const late = await residentMegabytes(product)
    assert.ok(late - early <= allowance, `the server grew from ${early} to ${late} MB`)
    await assertStillServes(product)
    return table({ total, first, early, late }, outcomes)
  } finally {
    await product.stop()
    await rm(folder, { recursive: true })
  }
}

async function sendAll(
  product: RunningProduct,
  requests: readonly HostileRequest[],
  outcomes: Map<string, number>,
): Promise<void> {
  const queue = requests.values()
  const worker = async () => {
    for (const request of queue) {
      const outcome = await sendOne(product, request)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
}

/** Status and code. A refusal must have the union body; a 5xx, or an error frame that blames the server, ends the proof. */
async function sendOne({ url, key }: RunningProduct, { path, body, headers }: HostileRequest): Promise<string> {
  const response = await fetch(url + path, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { ...headers, authorization: `Bearer ${key}` },
  })
  const text = await response.text()
  const sent = () =>
    `${path} ${body.toString('latin1').slice(0, 2000)}\nanswered ${response.status} ${text.slice(0, 1000)}`
  assert.ok(response.status < 500, sent())
  if (response.status === 200) {
    assert.doesNotMatch(text, /"code":"(internal_error|engine_failed)"/, sent())
    return '200'
  }
  const answer = JSON.parse(text) as { object: string; message: string; error: { code: string; message: string } }
  assert.deepEqual([answer.object, answer.message], ['error', answer.error.message], sent())
  return `${response.status} ${answer.error.code}`
}

/** The server process's own memory, as its /metrics tell; the engine is a process of its own. */
async function residentMegabytes({ url, key }: RunningProduct): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } })).text()
  const bytes = Number(/^galerne_resident_bytes (\d+)$/m.exec(text)?.[1])
  assert.ok(bytes > 0, 'the metrics do not tell the resident memory')
  return Math.round(bytes / 1_048_576)
}

async function assertStillServes({ url, key }: RunningProduct): Promise<void> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'starter', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 }),
  })
  const answer = (await response.json()) as { choices?: { message: { content: string } }[] }
  assert.equal(typeof answer.choices?.[0]?.message.content, 'string', JSON.stringify(answer))
}

interface Figures {
  readonly total: number
  readonly first: number
  readonly early: number
  readonly late: number
}

function table({ total, first, early, late }: Figures, outcomes: ReadonlyMap<string, number>): string {
  const rows = [...outcomes].toSorted().map(([outcome, count]) => `| ${outcome} | ${count} |`)
  return `${total} requests to every route that takes a body, ${inFlight} at a time, against the running product with a tiny random model. No 5xx.

| answer | requests |
| --- | --- |
${rows.join('\n')}

Resident memory of the server: ${early} MB after the first ${first} requests, ${late} MB after all (at most ${allowance} MB more is allowed).`
}
