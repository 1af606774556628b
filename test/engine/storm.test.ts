// Hundreds of random calls against one engine process, many of them cancelled at random moments: every answer must add up, nothing may stay behind.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Failure } from '../../src/base/errors.ts'
import { randomSource } from '../../src/engine/child/random.ts'
import type { Pool } from '../../src/engine/pool-types.ts'
import type { CompletionCall, Model, ModelEvent } from '../../src/wire/model.ts'
import { completionCall, context, logprobsOf } from '../conformance/calls.ts'
import { untilIdle } from '../conformance/model.ts'
import { startOne } from '../support/engine.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { vocabularyOf } from '../support/gguf-vocabulary.ts'
import { starterModel } from '../support/weights.ts'

const streams = 6
const random = randomSource(20_261_123)
const below = (limit: number) => Math.floor(random() * limit)

let pool: Pool
let model: Model
let folder: string

async function start(layout: 'split' | 'unified'): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'galerne-storm-'))
  const path = await tinyLlama({ vocabulary: await vocabularyOf(await starterModel()), folder })
  const one = await startOne({ name: 'tiny', path, streams, contextLength: 512, layout })
  pool = one.pool
  model = one.model
}

async function stop(): Promise<void> {
  await pool?.stop()
  await rm(folder, { recursive: true, force: true })
}

/** Prompts share beginnings in a few families, so that every kind of reuse happens. */
function randomPrompt(): number[] {
  const family = below(4)
  const length = [1, 3, 40, 200, 400, 505][below(6)] ?? 1
  const shared = below(length + 1)
  return Array.from({ length }, (_, index) => (index < shared ? 1000 + family * 600 + index : 5000 + below(9000)))
}

function randomCall(): CompletionCall {
  const choices = [1, 1, 1, 2, 5][below(5)] ?? 1
  const schema = { type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'], additionalProperties: false }
  return completionCall('', {
    prompt: { type: 'tokens', tokens: randomPrompt() },
    context: {
      ...context,
      class: below(3) === 0 ? 'batch' : 'interactive',
      cacheScope: `scope-${below(2)}`,
    },
    sampling: {
      temperature: [0, 1, 0.7][below(3)] ?? 0,
      seed: below(1000),
      maxTokens: [0, 1, 8, 30][below(4)] ?? 8,
      choices,
      ...(below(4) === 0 ? { topP: 0.9, topK: 40, frequencyPenalty: 0.5 } : {}),
      ...(below(4) === 0 ? { logprobs: below(3) } : {}),
      ...(below(5) === 0 ? { stop: ['e', 'the'] } : {}),
    },
    ...(below(8) === 0 ? { output: { type: 'json-schema', name: 'a', schema, strict: true } } : {}),
    ...(below(8) === 0 ? { promptLogprobs: below(3) } : {}),
  })
}

/** Checks what every answer must keep, whatever was asked. */
function check(call: CompletionCall, events: readonly ModelEvent[]): void {
  const { choices = 1, maxTokens = 0, logprobs, stop } = call.sampling
  const end = events.at(-1)
  const started = events[0]
  assert.ok(started?.type === 'started' && end?.type === 'end' && call.prompt.type === 'tokens')
  assert.equal(end.usage.promptTokens, call.prompt.tokens.length)
  assert.ok(end.usage.cachedTokens < end.usage.promptTokens)
  assert.ok(end.usage.completionTokens <= maxTokens * choices)
  const finished = events.flatMap((event) => (event.type === 'finish' ? [event.choice] : []))
  assert.deepEqual(
    finished.toSorted((one, other) => one - other),
    Array.from({ length: choices }, (_, choice) => choice),
  )
  const prompts = events.filter((event) => event.type === 'prompt-logprobs')
  assert.equal(prompts.length, call.promptLogprobs === undefined ? 0 : 1)
  if (prompts[0]?.type === 'prompt-logprobs') assert.equal(prompts[0].tokens.length, call.prompt.tokens.length)
  if (logprobs !== undefined && stop === undefined) {
    // A completion also shows the token that ended it, once a choice.
    const shown = finished.reduce((sum, choice) => sum + logprobsOf(events, choice).length, 0)
    assert.ok(shown >= end.usage.completionTokens && shown <= end.usage.completionTokens + choices)
  }
}

async function one(): Promise<'answered' | 'left' | 'refused'> {
  const call = randomCall()
  const controller = new AbortController()
  const leaveAfter = below(3) === 0 ? below(12) : Infinity
  if (below(10) === 0) setTimeout(() => controller.abort(), below(30))
  const events: ModelEvent[] = []
  try {
    for await (const event of model.complete(call, controller.signal)) {
      events.push(event)
      if (events.length > leaveAfter) return 'left'
    }
  } catch (error) {
    if (controller.signal.aborted) return 'left'
    assert.ok(error instanceof Failure && error.status < 500, String(error))
    return 'refused'
  }
  check(call, events)
  return 'answered'
}

for (const layout of ['split', 'unified'] as const) {
  describe(`a storm of calls and departures, ${layout} layout`, () => {
    before(() => start(layout))
    after(stop)

    test('leaves the engine whole, empty and the same process', async () => {
      const outcomes = { answered: 0, left: 0, refused: 0 }
      const client = async () => {
        for (let round = 0; round < 25; round += 1) outcomes[await one()] += 1
      }
      await Promise.all(Array.from({ length: streams + 2 }, client))
      await untilIdle(model)
      assert.equal(pool.metrics()[0]?.restarts, 0)
      assert.ok(outcomes.answered > 60 && outcomes.left > 20, JSON.stringify(outcomes))
      assert.deepEqual(model.load(), { streams, running: 0, kvUse: 0 })
      const { running, waiting, cachedTokens, displaced } = pool.metrics()[0] ?? assert.fail()
      assert.deepEqual([running, waiting], [0, 0])
      assert.ok(cachedTokens > 0 && displaced > 0)
    })
  })
}
