// Who gets what of the engine: shared prefixes, choices, workspaces, classes, long prompts beside running answers, spilled lines.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Pool } from '../../src/engine/pool-types.ts'
import type { ChatCall, CompletionCall, Model, ModelEvent } from '../../src/wire/model.ts'
import { complete, completionCall, context, never, textOf, usageOf } from '../conformance/calls.ts'
import { startOne } from '../support/engine.ts'
import { starterModel } from '../support/weights.ts'

const streams = 4
const sentence =
  'The harbour was quiet, the boats were tied to the pier and nobody was awake but the keeper of the light. '

let pool: Pool
let model: Model

before(async () => {
  const path = await starterModel()
  const one = await startOne({ name: 'starter', path, streams, contextLength: 1024 })
  pool = one.pool
  model = one.model
})
after(() => pool?.stop())

function call(text: string, facts: Partial<ChatCall['context']> = {}, sampling = {}): CompletionCall {
  const rules = { temperature: 0, maxTokens: 6, ...sampling }
  return completionCall(text, { context: { ...context, ...facts }, sampling: rules })
}

const cachedOf = async (made: CompletionCall) => usageOf(await complete(model, made)).cachedTokens

describe('the prefix cache', () => {
  test('a beginning that was seen before is not computed again, in one workspace only', async () => {
    const text = sentence.repeat(4)
    assert.equal(await cachedOf(call(text, { cacheScope: 'a', workspace: 'a' })), 0)
    const length = usageOf(await complete(model, call(text, { cacheScope: 'a', workspace: 'a' }))).promptTokens
    assert.equal(await cachedOf(call(text, { cacheScope: 'a', workspace: 'a' })), length - 1)
    assert.equal(await cachedOf(call(text, { cacheScope: 'b', workspace: 'b' })), 0)
    assert.equal(await cachedOf(call(text, { cacheScope: 'a', workspace: 'b' })), 0)
    assert.equal(await cachedOf(call(text, { cacheScope: 'b', workspace: 'a' })), 0)
  })

  test('requests that arrive together compute their common beginning once', async () => {
    const common = `Together. ${sentence.repeat(8)}`
    const before = pool.metrics()[0]?.promptTokens ?? 0
    const answers = await Promise.all(
      ['One', 'Two', 'Three', 'Four'].map((word) => complete(model, call(`${common}${word} more`))),
    )
    const computed = (pool.metrics()[0]?.promptTokens ?? 0) - before
    const prompts = answers.reduce((sum, answer) => sum + usageOf(answer).promptTokens, 0)
    const cached = answers.map((answer) => usageOf(answer).cachedTokens).toSorted((one, other) => one - other)
    assert.equal(cached[0], 0)
    assert.ok((cached[1] ?? 0) > prompts / 8, `cached: ${cached}`)
    assert.ok(computed < prompts * 0.4, `${computed} of ${prompts} prompt tokens were computed`)
  })

  test('choices share the prompt', async () => {
    const before = pool.metrics()[0]?.promptTokens ?? 0
    const sampling = { temperature: 1, seed: 1, choices: streams + 2 }
    const answer = await complete(model, call(`Choices. ${sentence.repeat(6)}`, {}, sampling))
    const computed = (pool.metrics()[0]?.promptTokens ?? 0) - before
    const { promptTokens } = usageOf(answer)
    assert.ok(computed <= promptTokens + 3 * (streams + 2), `${computed} computed for ${promptTokens}`)
    assert.equal(answer.filter((event) => event.type === 'finish').length, streams + 2)
  })

  test('lines that made room come back from host memory', async () => {
    const prompts = Array.from({ length: streams + 3 }, (_, index) => `Line ${index}. ${sentence.repeat(5)}`)
    for (const prompt of prompts) await complete(model, call(prompt))
    assert.ok((pool.metrics()[0]?.spilledBytes ?? 0) > 0)
    for (const prompt of prompts) {
      const usage = usageOf(await complete(model, call(prompt)))
      assert.equal(usage.cachedTokens, usage.promptTokens - 1)
    }
  })

  test('an answer from a spilled line is the answer from the line itself', async () => {
    const prompt = `Once more. ${sentence.repeat(5)}The keeper`
    const first = textOf(await complete(model, call(prompt, {}, { maxTokens: 24 })))
    const again = textOf(await complete(model, call(prompt, {}, { maxTokens: 24 })))
    for (let index = 0; index < streams + 1; index += 1)
      await complete(model, call(`Other ${index}. ${sentence.repeat(5)}`))
    const restored = textOf(await complete(model, call(prompt, {}, { maxTokens: 24 })))
    assert.equal(restored, again)
    assert.ok(first.length > 0)
  })
})

describe('classes', () => {
  test('batch work leaves a stream free, gives way, and completes all the same', async () => {
    const batch = Array.from({ length: streams }, (_, index) =>
      complete(model, call(`Batch ${index}:`, { class: 'batch' }, { maxTokens: 60, minTokens: 60 })),
    )
    await untilRunning(streams - 1)
    const displaced = pool.metrics()[0]?.displaced ?? 0
    const interactive = await Promise.all(
      Array.from({ length: streams }, (_, index) => complete(model, call(`Interactive ${index}:`))),
    )
    assert.equal(interactive.length, streams)
    assert.ok((pool.metrics()[0]?.displaced ?? 0) > displaced, 'batch lines made room')
    for (const answer of await Promise.all(batch)) assert.equal(usageOf(answer).completionTokens, 60)
  })

  test('a step of batch work is given up when a live call comes, and done again', async () => {
    const stopped = () => pool.metrics()[0]?.stopped ?? 0
    const line = (facts: object) => call(`A long line. ${sentence.repeat(14)}`, facts, { maxTokens: 20, minTokens: 20 })
    const alone = textOf(await complete(model, line({ cacheScope: 'alone' })))
    for (let round = 0, before = stopped(); stopped() === before; round += 1) {
      const batch = complete(model, line({ class: 'batch', cacheScope: `round ${round}` }))
      await untilRunning(1)
      assert.equal((await complete(model, call('Now:'))).filter(({ type }) => type === 'finish').length, 1)
      assert.equal(textOf(await batch).slice(0, 20), alone.slice(0, 20))
    }
  })

  test('a line that made room goes on as if nothing had happened', async () => {
    const made = call(
      'A tale of two lighthouses:',
      { class: 'batch', cacheScope: 'tale' },
      { maxTokens: 80, minTokens: 80 },
    )
    const alone = textOf(await complete(model, made))
    const displaced = pool.metrics()[0]?.displaced ?? 0
    const batch = complete(model, made)
    const others = Array.from({ length: streams - 2 }, (_, index) =>
      complete(model, call(`Filler ${index}`, { class: 'batch' }, { maxTokens: 80, minTokens: 80 })),
    )
    await untilRunning(streams - 1)
    await Promise.all(Array.from({ length: streams }, (_, index) => complete(model, call(`Urgent ${index}:`))))
    const text = textOf(await batch)
    await Promise.all(others)
    assert.ok((pool.metrics()[0]?.displaced ?? 0) > displaced)
    // Rounding differs with the batch, so a near-tie may turn a word; the beginning tells.
    assert.equal(text.slice(0, 40), alone.slice(0, 40))
  })
})

describe('a long prompt', () => {
  test('does not keep running answers from their tokens', async () => {
    const events: string[] = []
    const note = async (name: string, source: AsyncIterable<ModelEvent>) => {
      for await (const event of source) if (event.type === 'text-delta') events.push(name)
    }
    const running = note('running', model.complete(call('Count:', {}, { maxTokens: 200, minTokens: 200 }), never()))
    const long = note('long', model.complete(call(`Long. ${sentence.repeat(38)}`, {}, { maxTokens: 1 }), never()))
    const brief = note('brief', model.complete(call('Hi', {}, { maxTokens: 1 }), never()))
    await Promise.all([running, long, brief])
    const before = events.slice(0, events.indexOf('long'))
    assert.ok(before.filter((name) => name === 'running').length > 5, 'tokens came while the prompt was read')
    assert.ok(before.includes('brief'), 'a short prompt overtook the long one')
  })
})

describe('log-probabilities of a prompt', () => {
  test('are the same to the bit alone and beside others', async () => {
    const scored = `Scored. ${sentence.repeat(7)}`
    const made = completionCall(scored, { sampling: { temperature: 0, maxTokens: 1 }, promptLogprobs: 0 })
    const figures = async () => {
      const event = (await complete(model, made)).find(({ type }) => type === 'prompt-logprobs')
      assert.ok(event?.type === 'prompt-logprobs')
      return event.tokens.map(({ logprob }) => logprob)
    }
    const alone = await figures()
    assert.ok(alone.length > 128, `${alone.length} tokens`)
    const others = [
      complete(model, call('Count to ten:', {}, { maxTokens: 60, minTokens: 60 })),
      complete(model, call(`Another. ${sentence.repeat(20)}`)),
    ]
    const [beside, twin] = await Promise.all([figures(), figures()])
    await Promise.all(others)
    assert.deepEqual(beside, alone)
    assert.deepEqual(twin, alone)
  })
})

/** Resolves when the engine runs so many sequences; the test's own time limit ends the wait. */
async function untilRunning(count: number): Promise<void> {
  while ((pool.metrics()[0]?.running ?? 0) < count) await new Promise((resolve) => setTimeout(resolve, 5))
}
