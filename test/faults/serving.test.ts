// What a user sees over HTTP when things go wrong under load: an engine killed, clients gone, a reader that stops, a server told to stop.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { until } from '../support/until.ts'
import { starterModel } from '../support/weights.ts'

const onLinux = process.platform === 'linux' ? false : 'finds engine processes through /proc'

let server: RunningProduct
let models: readonly string[]

before(async () => {
  const path = await starterModel()
  // Served twice under two names: two engine processes, so that one can be killed while the other works.
  const flags = ['--model', `first=${path}`, '--model', `second=${path}`, '--streams', '8', '--context-length', '1024']
  server = await startProduct([...flags, '--drain-timeout', '2s'])
  const answer = await ask('GET', '/v1/models')
  models = ((await answer.json()) as { data: { id: string }[] }).data.map((card) => card.id)
})

after(async () => {
  await server.stop()
})

function ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
    ...(signal ? { signal } : {}),
  })
}

function stream(model: string, maxTokens: number, signal?: AbortSignal): Promise<Response> {
  const messages = [{ role: 'user', content: 'Tell me a very long story about a river.' }]
  return ask(
    'POST',
    '/v1/chat/completions',
    { model, messages, max_tokens: maxTokens, min_tokens: maxTokens, stream: true },
    signal,
  )
}

/** Process ids of the engine processes under the server, by the command line they were started with. */
function engineProcesses(): readonly number[] {
  const children = (pid: number): number[] =>
    readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
    )
  const below = (pid: number): number[] => children(pid).flatMap((child) => [child, ...below(child)])
  return below(server.process.pid ?? 0).filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('engine/child/main'),
  )
}

/** Running requests as `/metrics` tells them, over all models. */
async function running(): Promise<number> {
  const text = await (await ask('GET', '/metrics')).text()
  const lines = text.split('\n').filter((line) => line.startsWith('vllm:num_requests_running'))
  assert.ok(lines.length > 0, 'no vllm:num_requests_running in /metrics')
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

test('the engine is killed under 8 streams: each ends with an error frame, the next request works, the other model is undisturbed', {
  skip: onLinux,
}, async () => {
  const [first, second] = models as [string, string]
  const before = engineProcesses()
  assert.equal(before.length, 2)
  const victims = await Promise.all(Array.from({ length: 8 }, () => stream(first, 400)))
  const undisturbed = stream(second, 60).then((answer) => answer.text())
  const bodies = victims.map((answer) => answer.text())
  await until('8 running streams', async () => (await running()) >= 8)
  const victim = await processOf(first, before)
  process.kill(victim, 'SIGKILL')
  for (const body of await Promise.all(bodies)) {
    assert.match(body, /"finish_reason":"error"/)
    assert.match(body, /engine_failed/)
    assert.match(body, /data: \[DONE\]\n\n$/)
  }
  assert.doesNotMatch(await undisturbed, /"error"/)
  const next = await ask('POST', '/v1/chat/completions', {
    model: first,
    messages: [{ role: 'user', content: 'Hi' }],
    max_tokens: 4,
  })
  assert.equal(next.status, 200, await next.text())
})

/** Which engine process serves a model: the one whose arguments or start order name it. */
async function processOf(model: string, processes: readonly number[]): Promise<number> {
  const named = processes.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(model))
  const [oldest] = processes.toSorted((a, b) => a - b)
  return named ?? oldest ?? 0
}

test('clients that leave free their streams, while decoding and while a long prompt is read', {
  skip: onLinux,
}, async () => {
  const [first] = models as [string]
  const gone = Array.from({ length: 8 }, () => new AbortController())
  await Promise.all(gone.map((controller) => stream(first, 900, controller.signal)))
  await until('8 running streams', async () => (await running()) >= 8)
  for (const controller of gone) controller.abort()
  await until('no running stream', async () => (await running()) === 0)
  const reading = new AbortController()
  const long = ask(
    'POST',
    '/v1/completions',
    { model: first, prompt: 'word '.repeat(900), max_tokens: 1 },
    reading.signal,
  )
  await until('a running prompt', async () => (await running()) >= 1)
  reading.abort()
  await assert.rejects(long)
  await until('no running prompt', async () => (await running()) === 0)
})

test('a client that stops reading stalls nobody', async () => {
  const [first] = models as [string]
  const body = JSON.stringify({
    model: first,
    messages: [{ role: 'user', content: 'Story' }],
    max_tokens: 900,
    min_tokens: 900,
    stream: true,
    logprobs: true,
    top_logprobs: 20,
  })
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  socket.pause()
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${server.key}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  await until('the silent reader runs', async () => (await running()) >= 1)
  const other = await (await stream(first, 40)).text()
  assert.match(other, /data: \[DONE\]/)
  socket.destroy()
  await until('its stream is free', async () => (await running()) === 0)
})

test('SIGTERM: not ready, streams end with an error frame after the drain time, exit code 0', async () => {
  const [first] = models as [string]
  const answer = await stream(first, 900)
  const body = answer.text()
  await until('a running stream', async () => (await running()) >= 1)
  server.process.kill('SIGTERM')
  await until('/readyz says 503', async () => (await ask('GET', '/readyz')).status === 503)
  const text = await body
  assert.match(text, /server_stopping/)
  assert.match(text, /"finish_reason":"error"/)
  assert.match(text, /data: \[DONE\]\n\n$/)
  assert.equal(await server.stop(), 0)
})
