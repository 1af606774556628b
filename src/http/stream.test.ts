// What happens on real sockets: clients that leave, clients that do not read, a server that stops.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createEchoModel } from '../../test/support/echo-model.ts'
import { chat, chunksOf, rawChat, send } from '../../test/support/http-client.ts'
import { startServer } from '../../test/support/server.ts'

const turn = () => new Promise(setImmediate)
const long = [{ role: 'user', content: 'word '.repeat(20_000) }]

test('a client that leaves ends the decoding, and the stream is free', async () => {
  const echo = createEchoModel({ contextLength: 100_000, tokenMs: 1 })
  const server = await startServer([echo])
  try {
    const socket = await rawChat(server, { messages: long, stream: true })
    await once(socket, 'readable')
    assert.equal(echo.load().running, 1)
    socket.destroy()
    while (echo.load().running > 0) await turn()
    assert.ok(echo.generated() < 20_000)
    const line = server.lines.find(({ msg }) => msg === 'model call')
    assert.ok(line?.['outcome'] === 'client_closed' || line?.['outcome'] === 'abandoned', String(line?.['outcome']))
  } finally {
    await server.stop()
  }
})

test('a client that leaves before the answer begins, streamed or not, ends the call too', async () => {
  const echo = createEchoModel({ contextLength: 100_000, tokenMs: 1 })
  const server = await startServer([echo])
  try {
    const socket = await rawChat(server, { messages: long })
    while (echo.load().running === 0) await turn()
    socket.destroy()
    while (echo.load().running > 0) await turn()
    assert.equal(server.lines.filter(({ level }) => level === 'error').length, 0)
  } finally {
    await server.stop()
  }
})

test('a client that does not read costs bounded memory and holds up nobody', async () => {
  const echo = createEchoModel({ contextLength: 1_000_000, streams: 1 })
  const server = await startServer([echo])
  try {
    // Every word of 500 bytes makes a frame of about 700: 40,000 of them are far more than sockets and the buffer hold.
    const wide = [{ role: 'user', content: `${'x'.repeat(499)} `.repeat(40_000) }]
    const socket = await rawChat(server, { messages: wide, stream: true })
    for (let last = -1; last !== echo.generated() || last === 0; ) {
      last = echo.generated()
      for (let count = 0; count < 200; count++) await turn()
    }
    assert.ok(echo.generated() < 40_000, 'the model was not held back')
    assert.equal((await chat(server)).json().choices[0].message.content, 'hello big world')
    socket.destroy()
    while (echo.load().running > 0) await turn()
  } finally {
    await server.stop()
  }
})

test('while it stops, readyz is 503, new calls are refused, and running answers are complete', async () => {
  const echo = createEchoModel({ tokenMs: 2 })
  const server = await startServer([echo])
  const running = chat(server, { stream: true, messages: [{ role: 'user', content: 'word '.repeat(200) }] })
  while (echo.load().running === 0) await turn()
  const stopped = server.server.drain.stop(60_000)
  assert.equal((await send(server, '/readyz')).status, 503)
  assert.equal((await send(server, '/healthz')).status, 200)
  const refused = await chat(server)
  assert.deepEqual([refused.status, refused.json().error.code], [503, 'server_stopping'])
  assert.equal(refused.headers.get('x-should-retry'), 'true')
  const chunks = chunksOf((await running).text)
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop')
  await stopped
  await assert.rejects(chat(server))
})

test('what is not complete when the time is up ends with the error frame', async () => {
  const echo = createEchoModel({ tokenMs: 5, contextLength: 100_000 })
  const server = await startServer([echo])
  const running = chat(server, { stream: true, messages: long })
  const whole = chat(server, { messages: long })
  while (echo.load().running < 2) await turn()
  await server.server.drain.stop(20)
  const last = chunksOf((await running).text).at(-1)
  assert.deepEqual([last.error.code, last.choices[0].finish_reason], ['server_stopping', 'error'])
  assert.deepEqual([(await whole).status, (await whole).json().error.code], [503, 'server_stopping'])
})

test('a full line is 429 with Retry-After, and leaving it frees the place', async () => {
  const echo = createEchoModel({ streams: 1, contextLength: 100_000, tokenMs: 1 })
  const server = await startServer([echo], { queueLength: 1 })
  try {
    const sockets = []
    for (let call = 0; call < 4; call++) sockets.push(await rawChat(server, { messages: long, stream: true }))
    const waiting = async () =>
      /vllm:num_requests_waiting\{[^}]*\} (\d+)/.exec((await send(server, '/metrics')).text)?.[1]
    while ((await waiting()) !== '1') await turn()
    const refused = await chat(server)
    assert.deepEqual([refused.status, refused.json().error.code, refused.json().code], [429, 'queue_full', '1300'])
    assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    for (const socket of sockets) socket.destroy()
    while ((await waiting()) !== '0' || echo.load().running > 0) await turn()
    assert.equal((await chat(server)).status, 200)
  } finally {
    await server.stop()
  }
})
