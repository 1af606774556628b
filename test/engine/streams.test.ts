// The table of streams over a real context: prefixes of sliding windows that have moved on, host memory, copies within one step.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import type { Context } from '../../src/engine/child/context.ts'
import { type Stream, Streams } from '../../src/engine/child/streams.ts'
import { gemmaModel, starterModel } from '../support/weights.ts'
import { feed } from './greedy-control.ts'
import { difference, TestEngine } from './open-engine.ts'

/** Computing costs so much that every move pays. */
const costs = { prefill: () => Number.POSITIVE_INFINITY, step: () => Number.POSITIVE_INFINITY }
const tokens = (length: number, from = 1000) => Array.from({ length }, (_, index) => from + ((index * 7) % 900))

/** Decodes what a taken stream lacks of a prompt; the logits after it. */
function fill(context: Context, streams: Streams, stream: Stream, prompt: readonly number[]): Float32Array {
  const from = stream.tokens.length
  const row = feed(context, prompt, from, stream.id)
  streams.decoded()
  streams.append(stream, prompt.slice(from))
  return context.logits(row).slice()
}

function take(streams: Streams, prompt: readonly number[], scope = 'scope'): Stream {
  const stream = streams.take(scope, prompt, true)
  if (stream === undefined) throw new Error('No stream is free.')
  return stream
}

describe('streams of a model with a sliding window that keeps only the window', () => {
  let engine: TestEngine
  before(async () => {
    engine = await TestEngine.load(await gemmaModel())
  })
  after(() => engine?.free())

  test('a beginning whose window is gone is prefilled again; one whose window is there is taken, with the same logits', () => {
    const window = engine.model.slidingWindow
    // The library keeps the window and one micro-batch: a small one, so that twice the window is more than it keeps.
    const options = { streams: 2, contextLength: 2048, fullWindow: false, microBatchSize: 128 }
    const context = engine.context(options)
    const streams = new Streams(context, systemClock, 0, costs)
    const long = tokens(window * 2)
    const first = take(streams, long)
    fill(context, streams, first, long)
    streams.release(first)

    const early = [...long.slice(0, window + 40), 5, 6, 7]
    const again = take(streams, early)
    assert.equal(again.tokens.length, 0, 'the window before the end of the shared part is gone')
    const logits = fill(context, streams, again, early)
    streams.release(again)
    const control = engine.context(options)
    assert.equal(difference(logits, control.logits(feed(control, early, 0)).slice()), 0)

    const more = [...long, 8, 9, 10]
    const going = take(streams, more)
    assert.equal(going.tokens.length, long.length)
    const after = fill(context, streams, going, more)
    control.clear(0)
    feed(control, long, 0)
    assert.equal(difference(after, control.logits(feed(control, more, long.length)).slice()), 0)
  })
})

describe('streams of a model without a window', () => {
  let engine: TestEngine
  before(async () => {
    engine = await TestEngine.load(await starterModel())
  })
  after(() => engine?.free())

  test('one prefix can go to several streams within one step', () => {
    const context = engine.context({ streams: 4, contextLength: 512 })
    const streams = new Streams(context, systemClock, 0, costs)
    const common = tokens(80)
    const source = take(streams, common)
    fill(context, streams, source, common)
    const prompts = [21, 22, 23].map((last) => [...common, last, last + 1])
    const taken = prompts.map((prompt) => take(streams, prompt))
    assert.deepEqual(
      taken.map((stream) => stream.tokens.length),
      [80, 80, 80],
    )
    const control = engine.context({ streams: 4, contextLength: 512 })
    for (const [index, prompt] of prompts.entries()) {
      const stream = taken[index]
      assert.ok(stream !== undefined)
      const logits = fill(context, streams, stream, prompt)
      control.clear(0)
      feed(control, common, 0)
      assert.equal(difference(logits, control.logits(feed(control, prompt, 80)).slice()), 0)
    }
    assert.equal(streams.take('scope', common, true), undefined, 'all four are taken')
  })

  test('running lines lie side by side, and close up when one between them ends', () => {
    const options = { streams: 4, contextLength: 512 }
    const context = engine.context(options)
    const streams = new Streams(context, systemClock, 0, costs)
    const lines = [tokens(60), tokens(60, 2000), tokens(60, 3000)].map((prompt) => {
      const stream = take(streams, prompt)
      fill(context, streams, stream, prompt)
      return { prompt, stream }
    })
    assert.deepEqual(
      lines.map(({ stream }) => stream.id),
      [0, 1, 2],
    )
    const [first, middle, last] = lines
    assert.ok(first !== undefined && middle !== undefined && last !== undefined)
    assert.equal(streams.gather([first.stream, middle.stream, last.stream]), undefined, 'nothing to close')
    streams.release(middle.stream)
    const move = streams.gather([first.stream, last.stream])
    assert.ok(move !== undefined)
    assert.equal(move.to.id, middle.stream.id)
    const { prompt, stream } = move.from === first.stream ? first : last
    assert.ok(!stream.taken && move.to.taken)
    const logits = fill(context, streams, move.to, [...prompt, 9])
    const control = engine.context(options)
    feed(control, prompt, 0)
    assert.equal(difference(logits, control.logits(feed(control, [...prompt, 9], 60)).slice()), 0)
    streams.release(move.to)
    const next = take(streams, tokens(60, 4000))
    assert.equal(Math.abs(next.id - (move.from === first.stream ? last : first).stream.id), 1, 'a newcomer lies beside')
  })

  test('a line comes back from host memory with the same logits, and the memory is bounded', () => {
    const context = engine.context({ streams: 1, contextLength: 512 })
    const streams = new Streams(context, systemClock, 8 * 2 ** 20, costs)
    const [one, other] = [tokens(100), tokens(100, 2000)]
    for (const prompt of [one, other]) {
      const stream = take(streams, prompt)
      fill(context, streams, stream, prompt)
      streams.release(stream)
    }
    assert.ok(streams.spilledBytes > 0 && streams.spilledBytes <= 8 * 2 ** 20)
    const prompt = [...one, 11]
    const stream = take(streams, prompt)
    assert.equal(stream.tokens.length, 100)
    const logits = fill(context, streams, stream, prompt)
    const control = engine.context({ streams: 1, contextLength: 512 })
    feed(control, one, 0)
    assert.equal(difference(logits, control.logits(feed(control, prompt, 100)).slice()), 0)
    streams.release(stream)
    for (let round = 0; round < 6; round += 1) {
      const next = take(streams, tokens(100, 3000 + round * 1000))
      fill(context, streams, next, tokens(100, 3000 + round * 1000))
      streams.release(next)
      assert.ok(streams.spilledBytes <= 8 * 2 ** 20)
    }
  })

  test('the tail of a line that another takes over is kept in host memory', () => {
    const context = engine.context({ streams: 1, contextLength: 512 })
    const streams = new Streams(context, systemClock, 64 * 2 ** 20, costs)
    const common = tokens(60)
    const conversation = [...common, ...tokens(90, 5000)]
    const first = take(streams, conversation)
    fill(context, streams, first, conversation)
    streams.release(first)
    const second = take(streams, [...common, 1, 2, 3])
    assert.equal(second.tokens.length, 60)
    fill(context, streams, second, [...common, 1, 2, 3])
    streams.release(second)
    assert.equal(take(streams, [...conversation, 4]).tokens.length, conversation.length)
  })
})
