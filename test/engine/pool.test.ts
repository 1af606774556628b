// Several models in the memory of one: loaded when called, drained before they make room, pinned, preferred, and reduced where memory ran out.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { type AdapterFile, readAdapter } from '../../src/engine/adapter-check.ts'
import { startPool } from '../../src/engine/pool.ts'
import type { PoolModel } from '../../src/engine/pool-model.ts'
import type { Pool, PoolOptions } from '../../src/engine/pool-types.ts'
import type { Model } from '../../src/wire/model.ts'
import { complete, completionCall, never, reasonOf, textOf, usageOf } from '../conformance/calls.ts'
import { silentLog } from '../support/engine.ts'
import { writeAdapter } from '../support/gguf-adapter.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { starterModel } from '../support/weights.ts'

const mebibyte = 2 ** 20
/** A tiny model takes about 160 MiB, nearly all of it for the process: of two, one fits. */
const roomForOne = 300 * mebibyte
const roomForTwo = 450 * mebibyte

let folder = ''
let paths: string[] = []
let pool: Pool | undefined

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-pool-'))
  const vocabulary = byteVocabulary([])
  paths = await Promise.all(
    ['one', 'two', 'three'].map((name, seed) => tinyLlama({ folder, vocabulary, name, seed, contextLength: 2048 })),
  )
})
after(() => rm(folder, { recursive: true }))
afterEach(async () => {
  await pool?.stop()
  pool = undefined
})

const names = ['one', 'two', 'three']

async function start(count: number, options: Partial<PoolOptions> = {}, more: Partial<PoolModel>[] = []) {
  const models = paths.slice(0, count).map((path, index) => ({
    ...{ name: names[index] ?? '', path, streams: 2, contextLength: 1024 },
    ...more[index],
  }))
  pool = await startPool({ models, threads: 2, log: silentLog, memoryBytes: roomForOne, ...options })
  return pool
}

const modelOf = (of: Pool, name: string): Model => {
  const found = of.models.find(({ card }) => card.name === name)
  assert.ok(found !== undefined)
  return found
}
const stateOf = (of: Pool, name: string) => {
  const found = of.states().find(({ model }) => model === name)
  assert.ok(found !== undefined)
  return found
}
const states = (of: Pool) => of.states().map(({ state }) => state)
const sampling = (tokens: number) => ({ temperature: 0, maxTokens: tokens, minTokens: tokens })
const answer = async (model: Model, tokens = 4) =>
  textOf(await complete(model, completionCall('abc', { sampling: sampling(tokens) })))

/** What the engines themselves say of their threads, once they are told. */
async function threadsAre(of: Pool, expected: Readonly<Record<string, number>>): Promise<void> {
  const told = () => Object.fromEntries(of.metrics().map(({ model, threads }) => [model, threads]))
  await until(() => Object.entries(expected).every(([name, threads]) => told()[name] === threads))
  assert.deepEqual(Object.fromEntries(of.states().map(({ model, threads }) => [model, threads])), expected)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

describe('loading on demand', () => {
  test('what does not fit beside the others is loaded when it is called, and has its card before', async () => {
    const running = await start(2)
    assert.deepEqual(states(running), ['ready', 'unloaded'])
    const before = modelOf(running, 'two').card
    assert.equal(before.capabilities.completion, true)
    const first = await answer(modelOf(running, 'two'))
    assert.deepEqual(states(running), ['unloaded', 'ready'])
    assert.deepEqual(modelOf(running, 'two').card, before)
    const other = await answer(modelOf(running, 'one'))
    assert.deepEqual(states(running), ['ready', 'unloaded'])
    assert.notEqual(first, other)
    // The same model gives the same answer after every swap.
    assert.equal(await answer(modelOf(running, 'two')), first)
    assert.equal(stateOf(running, 'two').loads, 2)
  })

  test('models that fit together are all loaded, and called at once', async () => {
    const running = await start(2, { memoryBytes: roomForTwo })
    assert.deepEqual(states(running), ['ready', 'ready'])
    await Promise.all(names.slice(0, 2).map((name) => answer(modelOf(running, name))))
    assert.deepEqual(
      running.states().map(({ loads }) => loads),
      [1, 1],
    )
  })

  test('calls that leave while they wait load nothing', async () => {
    const running = await start(2)
    const busy = modelOf(running, 'one')
      .complete(completionCall('x', { sampling: sampling(900) }), never())
      [Symbol.asyncIterator]()
    await busy.next()
    const leaving = new AbortController()
    const waiting = complete2(modelOf(running, 'two'), leaving.signal)
    await until(() => stateOf(running, 'two').waiting === 1)
    leaving.abort(new Error('gone'))
    await assert.rejects(waiting, /gone/)
    await busy.return?.()
    await until(() => stateOf(running, 'one').running === 0 && stateOf(running, 'one').state !== 'draining')
    assert.equal(stateOf(running, 'two').loads, 0)
  })

  test('a model can be added while others run, and removed again', async () => {
    const running = await start(1, { memoryBytes: roomForTwo })
    await threadsAre(running, { one: 2 })
    const added = await running.add({ name: 'late', path: paths[2] ?? '', streams: 2, contextLength: 512 })
    assert.equal(added.card.contextLength, 512)
    await assert.rejects(running.add({ name: 'late', path: paths[2] ?? '' }), { code: 'invalid_value' })
    assert.equal((await answer(added)).length > 0, true)
    // Of two threads each has one now, whatever was planned; a child that starts again is told anew.
    await threadsAre(running, { one: 1, late: 1 })
    process.kill(running.processIds()[0] ?? 0, 'SIGKILL')
    await until(() => stateOf(running, 'one').restarts === 1)
    await answer(modelOf(running, 'one'))
    await threadsAre(running, { one: 1, late: 1 })
    await running.remove('late')
    await threadsAre(running, { one: 2 })
    assert.deepEqual(states(running), ['ready'])
    await assert.rejects(running.load('late'), { code: 'model_not_found' })
  })
})

const complete2 = async (model: Model, signal: AbortSignal) => {
  for await (const _ of model.complete(completionCall('abc', { sampling: sampling(4) }), signal));
}

describe('making room', () => {
  test('an answer at work ends whole before its model is unloaded; who calls meanwhile is served after', async () => {
    const running = await start(2)
    const long = complete(modelOf(running, 'one'), completionCall('abc', { sampling: sampling(600) }))
    await until(() => stateOf(running, 'one').running === 1)
    const swapped = answer(modelOf(running, 'two'))
    await until(() => stateOf(running, 'one').state === 'draining' || stateOf(running, 'two').loads === 1)
    const late = answer(modelOf(running, 'one'))
    assert.equal(reasonOf(await long), 'length')
    assert.equal((await swapped).length > 0, true)
    assert.equal((await late).length > 0, true)
    assert.ok(stateOf(running, 'one').loads >= 1)
  })

  test('prefixes outlive a swap: what was read before is not read again, and the answer is the same', async () => {
    const running = await start(2)
    const text = 'The keeper wrote down the wind and the height of the water, every evening at six. '.repeat(3)
    const ask = () => complete(modelOf(running, 'one'), completionCall(text, { sampling: sampling(8) }))
    const first = await ask()
    assert.equal(usageOf(first).cachedTokens, 0)
    await answer(modelOf(running, 'two'))
    assert.deepEqual(states(running), ['unloaded', 'ready'])
    const again = await ask()
    assert.equal(stateOf(running, 'one').loads, 2)
    assert.equal(usageOf(again).cachedTokens, usageOf(again).promptTokens - 1)
    assert.equal(textOf(again), textOf(first))
    // Another workspace knows nothing of it.
    const stranger = await complete(modelOf(running, 'one'), {
      ...completionCall(text, { sampling: sampling(8) }),
      context: { ...completionCall('').context, cacheScope: 'another' },
    })
    assert.equal(usageOf(stranger).cachedTokens, 0)
  })

  test('a pinned model stays, and a call that cannot be served says why at once', async () => {
    const running = await start(2, {}, [{ pinned: true }])
    await assert.rejects(answer(modelOf(running, 'two')), (error: Error & { code?: string; status?: number }) => {
      assert.deepEqual([error.code, error.status], ['model_unavailable', 503])
      assert.match(
        error.message,
        /"two" is not loaded and cannot be now: it needs \d+ MiB, .* held by "one" \(pinned\)/,
      )
      return true
    })
    await assert.rejects(running.unload('one'), { code: 'invalid_value' })
    running.change('one', { pinned: false })
    assert.equal((await answer(modelOf(running, 'two'))).length > 0, true)
    assert.deepEqual(states(running), ['unloaded', 'ready'])
  })

  test('of two models that could go, the one of lower priority goes', async () => {
    const running = await start(3, { memoryBytes: roomForTwo }, [{}, { priority: 1 }])
    assert.deepEqual(states(running), ['ready', 'ready', 'unloaded'])
    for (let use = 0; use < 3; use++) await answer(modelOf(running, 'one'))
    // Not right after its last call: then it would be in demand.
    await until(() => stateOf(running, 'one').quietMs > 300)
    await answer(modelOf(running, 'three'))
    assert.deepEqual(states(running), ['unloaded', 'ready', 'ready'])
  })

  test('a model that nobody calls is unloaded after its time', async () => {
    const running = await start(1, { idleMs: 300 })
    await until(() => stateOf(running, 'one').state === 'unloaded')
    assert.equal((await answer(modelOf(running, 'one'))).length > 0, true)
    running.change('one', { idleMs: 0 })
    assert.equal(stateOf(running, 'one').idleMs, 0)
  })

  test('who waits longer for a load than the limit is told how far it is', async () => {
    const running = await start(2, { loadTimeoutMs: 50 })
    const busy = modelOf(running, 'one')
      .complete(completionCall('x', { sampling: sampling(900) }), never())
      [Symbol.asyncIterator]()
    await busy.next()
    await assert.rejects(
      answer(modelOf(running, 'two')),
      (error: Error & { code?: string; fields?: Record<string, unknown> }) => {
        assert.equal(error.code, 'model_loading')
        assert.match(error.message, /waiting to be loaded.*Try again in \d+ s/)
        assert.ok(Number(error.fields?.['retryAfter']) >= 1)
        return true
      },
    )
    await busy.return?.()
  })

  test('stopping the pool ends those who wait', async () => {
    const running = await start(2)
    const busy = complete(modelOf(running, 'one'), completionCall('x', { sampling: sampling(900) }))
    busy.catch(() => {})
    await until(() => stateOf(running, 'one').running === 1)
    const waiting = answer(modelOf(running, 'two'))
    waiting.catch(() => {})
    await until(() => stateOf(running, 'two').waiting === 1)
    await running.stop()
    await assert.rejects(waiting, { code: 'server_stopping' })
    assert.deepEqual(running.processIds(), [undefined, undefined])
  })
})

describe('memory that is not there', () => {
  test('streams become shorter, and the state tells; what the user asked for is refused clearly', async (context) => {
    if (process.platform !== 'linux') return context.skip('the limit of a process is set with prlimit, which is Linux')
    const path = await starterModel()
    // Children inherit the limit of their private memory; the plan believes in much more.
    const limit = (bytes: string) =>
      execFileSync('prlimit', ['--pid', String(process.pid), `--data=${bytes}:unlimited`])
    const machine = { availableBytes: 64 * 2 ** 30, totalBytes: 64 * 2 ** 30, cores: 2 }
    const { memoryBytes: _, ...base } = { memoryBytes: undefined, threads: 2, log: silentLog, machine }
    // Reading the tensors takes up to 3 GiB for a moment: threads that look for impossible values.
    limit(String(3400 * mebibyte))
    try {
      pool = await startPool({ ...base, models: [{ name: 'large', path, streams: 32 }] })
      const [state] = pool.states()
      assert.ok(state !== undefined && state.reduced.length > 0, 'the plan fitted: nothing was tested')
      assert.match(state.reduced[0] ?? '', /\d+ streams of \d+ tokens: /)
      const [model] = pool.models
      assert.ok(model !== undefined)
      assert.equal(model.card.contextLength, state.plan.contextLength)
      assert.equal((await answer(model)).length > 0, true)
      await pool.stop()
      const asked = [{ name: 'asked', path, streams: 32, contextLength: 8192 }]
      await assert.rejects(startPool({ ...base, models: asked }), { code: 'model_load_failed' })
    } finally {
      limit('unlimited')
    }
  })
})

describe('memory for adapters', () => {
  let adapter: AdapterFile
  let bytes = 0
  before(async () => {
    const path = join(folder, 'adapter.gguf')
    // 128 MiB: more than is free beside two tiny models, and beside one in the room of one.
    await writeAdapter({ path, weights: [['blk.0.attn_q.weight', 64, 64]], seed: 1, rank: 262_144, value: 0 })
    adapter = { name: 'pirate', path, digest: 'digest of it' }
    bytes = readAdapter(path, adapter.name).tensorBytes
    assert.equal(bytes, 128 * mebibyte)
  })
  const adaptersOf = (of: Pool) => stateOf(of, 'one').plan.memory.adapters

  test('it is planned for where it is known, and counts once', async () => {
    const running = await start(1, { memoryBytes: roomForTwo }, [{ adapterBytes: bytes }])
    const before = stateOf(running, 'one').plan.memory
    assert.equal(before.adapters, bytes)
    await running.addAdapter('one', adapter)
    assert.deepEqual(stateOf(running, 'one').plan.memory, before)
  })

  test('for one that comes later another model makes room', async () => {
    const running = await start(2, { memoryBytes: roomForTwo })
    assert.deepEqual(states(running), ['ready', 'ready'])
    const before = stateOf(running, 'one').plan.memory.total
    await running.addAdapter('one', adapter)
    assert.deepEqual([adaptersOf(running), stateOf(running, 'one').plan.memory.total], [bytes, before + bytes])
    assert.deepEqual(states(running), ['ready', 'unloaded'])
  })

  test('one that there is no room for is refused, with the figures', async () => {
    const running = await start(2, { memoryBytes: roomForTwo }, [{}, { pinned: true }])
    await assert.rejects(running.addAdapter('one', adapter), (error) => {
      assert.equal((error as { code?: string }).code, 'adapter_unusable')
      assert.match(
        String(error),
        /no memory for it beside its model: it needs 128 MiB, \d+ MiB are free, .*"two" \(pinned\)/,
      )
      return true
    })
    assert.equal(adaptersOf(running), 0)
    assert.equal(modelOf(running, 'one').card.adapters, undefined)
    await running.stop()
    await assert.rejects((await start(1)).addAdapter('one', adapter), { code: 'adapter_unusable' })
  })

  test('a model starts without room for adapters where there is none', async () => {
    const running = await start(1, {}, [{ adapterBytes: bytes }])
    assert.deepEqual([states(running), adaptersOf(running)], [['ready'], 0])
  })
})
