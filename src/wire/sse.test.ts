import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { doneFrame, eventStream, frame } from './sse.ts'

async function readAll(stream: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

test('a frame is one data line and a blank one, after an event line where asked', () => {
  assert.equal(frame({ text: 'a\nb' }), 'data: {"text":"a\\nb"}\n\n')
  assert.equal(frame({}, 'response.created'), 'event: response.created\ndata: {}\n\n')
})

test('frames arrive in order and the stream ends after the last one', async () => {
  async function* frames() {
    yield frame(1)
    yield frame(2)
    yield doneFrame
  }
  assert.equal(await readAll(eventStream(frames(), { keepAlive: 0 })), 'data: 1\n\ndata: 2\n\ndata: [DONE]\n\n')
})

test('a silent source sends comments that are no events', async () => {
  const silence = Promise.withResolvers<void>()
  async function* frames() {
    yield frame(1)
    await silence.promise
    yield frame(2)
  }
  const stream = eventStream(frames(), { keepAlive: 1000 })
  let text = ''
  for await (const piece of stream) {
    text += piece
    if (text.includes(': ping\n\n')) silence.resolve()
  }
  assert.match(text, /^data: 1\n\n(: ping\n\n)+data: 2\n\n$/)
})

test('a source is not asked for more than the buffer holds, and goes on when the reader does', async () => {
  const large = frame('x'.repeat(1000))
  let made = 0
  async function* frames() {
    for (; made < 100; made++) yield large
  }
  const stream = eventStream(frames(), { keepAlive: 0, bufferLimit: 10_000 })
  while (stream.readableLength < 10_000) await new Promise(setImmediate)
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  assert.ok(made <= 10, `${made} frames were made for a reader that took none`)
  assert.equal((await readAll(stream)).length, 100 * large.length)
})

test('a reader that takes nothing is cut off, and the source ends', async () => {
  let ended = false
  async function* frames() {
    try {
      for (;;) yield frame('x'.repeat(1000))
    } finally {
      ended = true
    }
  }
  const stream = eventStream(frames(), { keepAlive: 0, bufferLimit: 10_000, stallLimit: 1 })
  const [error] = await once(stream, 'error')
  assert.equal(error.code, 'client_closed')
  await new Promise(setImmediate)
  assert.equal(ended, true)
})

test('leaving early ends the source', async () => {
  let ended = false
  async function* frames() {
    try {
      for (;;) {
        yield frame(1)
        await new Promise(setImmediate)
      }
    } finally {
      ended = true
    }
  }
  for await (const _ of eventStream(frames(), { keepAlive: 0 })) break
  while (!ended) await new Promise(setImmediate)
})
