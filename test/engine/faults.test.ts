// What happens when things go wrong under load: an engine process is killed, clients leave in every phase, a reader stops reading.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { Failure } from '../../src/base/errors.ts'
import { startPool } from '../../src/engine/pool.ts'
import type { Pool } from '../../src/engine/pool-types.ts'
import type { Model } from '../../src/wire/model.ts'
import { complete, completionCall, never, reasonOf, textOf, usageOf } from '../conformance/calls.ts'
import { untilIdle } from '../conformance/model.ts'
import { silentLog } from '../support/engine.ts'
import { starterModel } from '../support/weights.ts'

const streams = 8
const long = { temperature: 0, maxTokens: 900, minTokens: 900 }

let pool: Pool
let model: Model
let other: Model

function startedModel(index: number): Model {
  const started = pool.models[index]
  if (started === undefined) throw new Error('The pool lacks a model.')
  return started
}

before(async () => {
  const path = await starterModel()
  const models = ['first', 'second'].map((name) => ({ name, path, streams, contextLength: 1024 }))
  pool = await startPool({ models, threads: 2, log: silentLog })
  model = startedModel(0)
  other = startedModel(1)
})
after(() => pool?.stop())

/** Reads a call until something came, then hands over the iterator. */
async function begin(target: Model, text: string, sampling = long, signal = never()) {
  const iterator = target.complete(completionCall(text, { sampling }), signal)[Symbol.asyncIterator]()
  for (;;) {
    const { value, done } = await iterator.next()
    if (done) throw new Error('The answer ended before it began.')
    if (value.type === 'text-delta') return iterator
  }
}

async function drain(iterator: AsyncIterator<unknown>): Promise<void> {
  while (!(await iterator.next()).done);
}

describe('an engine process that is killed', () => {
  test('under full load: every answer fails clearly, the next one works, the other model goes on', async () => {
    const undisturbed = begin(other, 'Meanwhile', { temperature: 0, maxTokens: 40, minTokens: 40 })
    const iterators = await Promise.all(
      Array.from({ length: streams }, (_, index) => begin(model, `Story number ${index}:`)),
    )
    const [processId] = pool.processIds()
    assert.ok(processId !== undefined)
    process.kill(processId, 'SIGKILL')
    const outcomes = await Promise.allSettled(iterators.map(drain))
    for (const outcome of outcomes) {
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof Failure)
      assert.equal(outcome.reason.code, 'engine_failed')
      assert.equal(outcome.reason.fields['model'], 'first')
      assert.equal(outcome.reason.retryable, true)
    }
    assert.equal(model.load().running, 0)
    const next = await complete(model, completionCall('The capital of France is'))
    assert.ok(textOf(next).length > 0)
    await drain(await undisturbed)
    assert.deepEqual(
      pool.metrics().map(({ restarts }) => restarts),
      [1, 0],
    )
  })

  test('before anything was sent: the request is started over and nobody notices', async () => {
    const events = model.complete(completionCall('A whole new day'), never())[Symbol.asyncIterator]()
    const first = events.next()
    const [processId] = pool.processIds()
    assert.ok(processId !== undefined)
    process.kill(processId, 'SIGKILL')
    assert.equal((await first).value?.type, 'started')
    await drain(events)
  })
})

describe('clients that leave', () => {
  test('while they are answered: the streams are free', async () => {
    const controllers = Array.from({ length: streams }, () => new AbortController())
    await Promise.all(controllers.map((controller, index) => begin(model, `Tale ${index}`, long, controller.signal)))
    for (const controller of controllers) controller.abort()
    await untilIdle(model)
    assert.equal(usageOf(await complete(model, completionCall('And then'))).completionTokens > 0, true)
  })

  test('while their prompt is read: the streams are free', async () => {
    const controllers = Array.from({ length: 3 }, () => new AbortController())
    const outcomes = controllers.map((controller, index) => {
      const prompt = `Chapter ${index}. ${'The sea was calm and the ship lay still in the harbour. '.repeat(60)}`
      return inBackground(prompt, controller.signal)
    })
    // `started` says that the prompt is being read now.
    await Promise.all(outcomes.map(({ started }) => started))
    for (const controller of controllers) controller.abort()
    for (const { ended } of outcomes) await assert.rejects(ended, { name: 'AbortError' })
    await untilIdle(model)
  })

  test('before they were started: they cost nothing', async () => {
    const busy = await Promise.all(Array.from({ length: streams }, (_, index) => begin(model, `Busy ${index}`)))
    const controller = new AbortController()
    const waiting = inBackground('Waiting', controller.signal)
    controller.abort()
    await assert.rejects(waiting.ended, { name: 'AbortError' })
    for (const iterator of busy) await iterator.return?.()
    await untilIdle(model)
  })
})

/** Runs a call in the background: when it started, and how it ended. */
function inBackground(text: string, signal: AbortSignal): { started: Promise<void>; ended: Promise<void> } {
  const { promise: started, resolve } = Promise.withResolvers<void>()
  const ended = (async () => {
    for await (const event of model.complete(completionCall(text, { sampling: long }), signal)) {
      if (event.type === 'started') resolve()
    }
  })()
  ended.catch(() => resolve())
  return { started, ended }
}

describe('a reader that stops reading', () => {
  test('is waited for without end, holds a bounded part of its answer, and stalls nobody', async () => {
    const stuck = await begin(model, 'A very long list of numbers: 1, 2, 3,')
    const answer = await complete(model, completionCall('The capital of Italy is'))
    assert.equal(reasonOf(answer), 'length')
    const before = pool.metrics()[0]?.generatedTokens ?? 0
    // Another answer of 600 tokens passes; the one that nobody reads stops at the buffer's limit.
    await complete(model, completionCall('Sing:', { sampling: { temperature: 0, maxTokens: 600, minTokens: 600 } }))
    const generated = (pool.metrics()[0]?.generatedTokens ?? 0) - before
    assert.ok(generated < 600 + 350, `${generated} tokens were generated in all`)
    let tokens = 0
    for (;;) {
      const { value, done } = await stuck.next()
      if (done) break
      if (value.type === 'end') tokens = value.usage.completionTokens
    }
    assert.equal(tokens, 900, 'reading on gets the rest')
  })
})

describe('a stream that is full', () => {
  test('ends the answer with reason context at exactly the length that the model card names', async () => {
    const { contextLength } = other.card
    const prompt = {
      type: 'tokens',
      tokens: Array.from({ length: contextLength - 20 }, (_, index) => 100 + index),
    } as const
    const events = await complete(other, completionCall('', { prompt, sampling: { temperature: 0, minTokens: 100 } }))
    assert.equal(reasonOf(events), 'context')
    const { promptTokens, completionTokens } = usageOf(events)
    assert.equal(promptTokens + completionTokens, contextLength)
  })
})

describe('stopping', () => {
  test('ends the processes, and answers at work fail with server_stopping or engine_failed', async () => {
    const own = await startPool({
      models: [{ name: 'brief', path: await starterModel(), streams: 2, contextLength: 512 }],
      threads: 1,
      log: silentLog,
    })
    const [brief] = own.models
    assert.ok(brief !== undefined)
    const iterator = await begin(brief, 'On and on', { temperature: 0, maxTokens: 400, minTokens: 400 })
    const ended = drain(iterator)
    ended.catch(() => undefined)
    await own.stop()
    await assert.rejects(ended, { name: 'Failure', code: 'server_stopping' })
    assert.deepEqual(own.processIds(), [undefined])
  })

  test('a file that is no model is refused with the reason and leaves no process', async () => {
    const models = [{ name: 'broken', path: import.meta.filename }]
    await assert.rejects(startPool({ models, threads: 1, log: silentLog }), {
      name: 'Failure',
      code: 'model_load_failed',
    })
  })

  test('an engine process ends when its server dies', async () => {
    const { spawn } = await import('node:child_process')
    const script = `
      const { startPool } = await import(${JSON.stringify(new URL('../../src/engine/pool.ts', import.meta.url).href)})
      const { silentLog } = await import(${JSON.stringify(new URL('../support/engine.ts', import.meta.url).href)})
      const models = [{ name: 'orphan', path: ${JSON.stringify(await starterModel())}, streams: 2, contextLength: 512 }]
      const pool = await startPool({ models, threads: 1, log: silentLog })
      process.stdout.write(String(pool.processIds()[0]))
    `
    const server = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [chunk] = (await once(server.stdout, 'data')) as [Buffer]
    const child = Number(chunk.toString())
    server.kill('SIGKILL')
    await untilGone(child)
  })
})

/** Resolves when a process is gone; the test's own time limit ends the wait. */
async function untilGone(processId: number): Promise<void> {
  for (;;) {
    try {
      process.kill(processId, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
