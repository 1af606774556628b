import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEchoModel, type EchoModel } from '../../../test/support/echo-model.ts'
import { systemClock } from '../../base/clock.ts'
import type { CallContext, ChatCall, Model, ModelEvent } from '../../wire/model.ts'
import { line } from './line.ts'

function chatCall(facts: Partial<CallContext> & { readonly text?: string; readonly choices?: number } = {}): ChatCall {
  const { text = 'a few words to say', choices, ...context } = facts
  return {
    context: { requestId: 'r', workspace: 'w', key: 'k', class: 'interactive', cacheScope: 'w', ...context },
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    sampling: choices === undefined ? {} : { choices },
    output: { type: 'text' },
    tools: [],
    toolChoice: 'auto',
    parallelToolCalls: true,
  }
}

async function run(model: Model, call: ChatCall, signal = new AbortController().signal): Promise<ModelEvent[]> {
  const events: ModelEvent[] = []
  for await (const event of model.chat(call, signal)) events.push(event)
  return events
}

/** A model whose line is full: `holders` calls that speak until `release`. */
function busy(streams: number, queueLength: number, holders = streams + 2) {
  const echo = createEchoModel({ streams, tokenMs: 1, contextLength: 10_000_000 })
  const waiting = line(echo, { clock: systemClock, queueLength })
  const controller = new AbortController()
  const endless = chatCall({ requestId: 'holder', text: 'word '.repeat(20_000) })
  const held = Array.from({ length: holders }, () => run(waiting.model, endless, controller.signal))
  const settled = Promise.allSettled(held)
  const release = async () => {
    controller.abort(new Error('released'))
    await settled
  }
  return { echo, waiting, release }
}

const order = (echo: EchoModel) => echo.seen.map(({ requestId }) => requestId).filter((id) => id !== 'holder')

test('at most the streams and two more are with the engine; the rest waits', async () => {
  const { echo, waiting, release } = busy(2, 10, 7)
  while (echo.seen.length < 4) await new Promise(setImmediate)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  assert.equal(echo.seen.length, 4)
  assert.equal(waiting.admitted(), 4)
  assert.equal(waiting.waiting(), 3)
  await release()
  assert.equal(waiting.admitted(), 0)
  assert.equal(waiting.waiting(), 0)
})

test('a call takes as many places as it asks for answers', async () => {
  const { echo, waiting, release } = busy(2, 10, 1)
  const three = run(waiting.model, chatCall({ requestId: 'three', choices: 3 }))
  const four = run(waiting.model, chatCall({ requestId: 'four', choices: 4 }))
  await three
  assert.deepEqual(order(echo), ['three'])
  await release()
  assert.equal((await four).filter(({ type }) => type === 'finish').length, 4)
})

test('batch work keeps off one stream and never keeps an interactive call from the engine, which displaces it', async () => {
  const echo = createEchoModel({ streams: 4, tokenMs: 1, contextLength: 10_000_000 })
  const waiting = line(echo, { clock: systemClock, queueLength: 50 })
  const controller = new AbortController()
  const endless = (facts: Partial<CallContext>) =>
    run(waiting.model, chatCall({ ...facts, text: 'word '.repeat(20_000) }), controller.signal)
  const held = Array.from({ length: 9 }, () => endless({ requestId: 'batch', class: 'batch' }))
  while (echo.seen.length < 5) await new Promise(setImmediate)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  assert.equal(echo.seen.length, 5, 'three streams of four, and two more')
  // As many as if there were no batch work.
  held.push(...Array.from({ length: 8 }, () => endless({ requestId: 'live' })))
  while (echo.seen.length < 11) await new Promise(setImmediate)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  assert.equal(echo.seen.filter(({ requestId }) => requestId === 'live').length, 6)
  assert.equal(waiting.waiting(), 6)
  controller.abort(new Error('released'))
  await Promise.allSettled(held)
  assert.equal(waiting.admitted(), 0)
})

test('interactive calls go before batch calls, and workspaces take turns', async () => {
  const { echo, waiting, release } = busy(1, 20)
  while (echo.seen.length < 3) await new Promise(setImmediate)
  const calls = [
    run(waiting.model, chatCall({ requestId: 'batch', class: 'batch' })),
    ...[1, 2, 3, 4].map((n) => run(waiting.model, chatCall({ requestId: `a${n}`, workspace: 'a' }))),
    run(waiting.model, chatCall({ requestId: 'b1', workspace: 'b' })),
  ]
  assert.equal(waiting.waiting(), 6)
  await release()
  await Promise.all(calls)
  assert.ok(order(echo).indexOf('b1') < order(echo).indexOf('a4'), order(echo).join())
  assert.equal(order(echo).at(-1), 'batch')
})

test('a full line refuses with how many wait and when to come back', async () => {
  const { echo, waiting, release } = busy(1, 2)
  while (echo.seen.length < 3) await new Promise(setImmediate)
  const patient = [run(waiting.model, chatCall()), run(waiting.model, chatCall())]
  await assert.rejects(run(waiting.model, chatCall()), (error: { code: string; fields: Record<string, number> }) => {
    assert.equal(error.code, 'queue_full')
    assert.equal(error.fields['waiting'], 2)
    const retryAfter = error.fields['retryAfter'] ?? 0
    assert.ok(Number.isInteger(retryAfter) && retryAfter >= 1 && retryAfter <= 60)
    return true
  })
  // Each class has a length of its own.
  const batch = run(waiting.model, chatCall({ class: 'batch' }))
  assert.equal(waiting.waiting(), 3)
  await release()
  await Promise.all([...patient, batch])
})

test('a caller that leaves the line frees its place in it', async () => {
  const { echo, waiting, release } = busy(1, 2)
  while (echo.seen.length < 3) await new Promise(setImmediate)
  const controller = new AbortController()
  const leaving = run(waiting.model, chatCall({ requestId: 'leaving' }), controller.signal)
  assert.equal(waiting.waiting(), 1)
  controller.abort(new Error('gone'))
  await assert.rejects(leaving, /gone/)
  assert.equal(waiting.waiting(), 0)
  await release()
  assert.deepEqual(order(echo), [])
})

test('time in line is part of the queue time that the answer tells', async () => {
  let now = 0
  const clock = { now: () => now, elapsed: () => now }
  const waiting = line(createEchoModel({ streams: 1, contextLength: 1_000_000 }), { clock, queueLength: 9 })
  const controller = new AbortController()
  const endless = chatCall({ text: 'word '.repeat(20_000) })
  const held = [1, 2, 3].map(() => run(waiting.model, endless, controller.signal))
  const answer = run(waiting.model, chatCall())
  now = 750
  controller.abort(new Error('released'))
  await Promise.allSettled(held)
  const [started] = await answer
  assert.equal(started?.type === 'started' && started.queueMs, 750)
})

test('a call whose deadline passed in line is refused', async () => {
  const waiting = line(createEchoModel(), { clock: systemClock, queueLength: 9 })
  await assert.rejects(run(waiting.model, chatCall({ deadline: systemClock.now() - 1 })), { code: 'deadline_exceeded' })
  assert.equal(waiting.admitted(), 0)
})

test('a queue of length 0 serves while streams are free and refuses after', async () => {
  const { echo, waiting, release } = busy(1, 0)
  while (echo.seen.length < 3) await new Promise(setImmediate)
  await assert.rejects(run(waiting.model, chatCall()), { code: 'queue_full' })
  await release()
  assert.equal((await run(waiting.model, chatCall())).at(-1)?.type, 'end')
})

test('a key may be given fewer places in line, and its own line is what is full', async () => {
  const echo = createEchoModel({ streams: 1, tokenMs: 1, contextLength: 10_000_000 })
  const anyone = { length: null, weight: 1 }
  const rules = ({ key }: { readonly key: string }) => ({
    workspace: anyone,
    key: key === 'small' ? { length: 1, weight: 1 } : anyone,
  })
  const waiting = line(echo, { clock: systemClock, queueLength: 10, rules })
  const controller = new AbortController()
  const endless = chatCall({ requestId: 'holder', text: 'word '.repeat(20_000) })
  const held = Array.from({ length: 3 }, () => run(waiting.model, endless, controller.signal))
  while (echo.seen.length < 3) await new Promise(setImmediate)
  const first = run(waiting.model, chatCall({ key: 'small' }))
  await assert.rejects(run(waiting.model, chatCall({ key: 'small' })), (error: { fields: Record<string, unknown> }) => {
    assert.deepEqual([error.fields['whose'], error.fields['waiting']], ['key', 1])
    return true
  })
  const other = run(waiting.model, chatCall({ key: 'other' }))
  controller.abort(new Error('released'))
  await Promise.allSettled(held)
  await Promise.all([first, other])
})
