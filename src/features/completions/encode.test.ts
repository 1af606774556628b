// Answers of `/v1/completions` from events: several prompts, echo with log-probabilities, the best of many, and streams that say the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Completion, CompletionChoice } from '../../wire/completions.ts'
import type { ChosenLogprob, ModelEvent } from '../../wire/model.ts'
import { type CompletionAnswer, completionFrames, foldCompletion } from './encode.ts'
import type { PromptEvent } from './merge.ts'

const chosen = (token: string, logprob: number): ChosenLogprob => ({
  token,
  tokenId: token.length,
  logprob,
  bytes: [...Buffer.from(token)],
  top: [{ token, tokenId: token.length, logprob, bytes: [...Buffer.from(token)] }],
})

const started = { type: 'started', promptTokens: 2, cachedTokens: 1, queueMs: 0, ranOn: 'echo@1' } as const
const end = {
  type: 'end',
  usage: { promptTokens: 2, cachedTokens: 1, completionTokens: 3, reasoningTokens: 0 },
  timings: { queueMs: 0, prefillMs: 0, decodeMs: 0, acceptedTokens: 0 },
} as const

function answer(shape: Partial<CompletionAnswer['shape']>, rest: Partial<CompletionAnswer> = {}): CompletionAnswer {
  return {
    id: 'id',
    created: 1,
    model: 'm',
    shape: { choices: 1, generated: 1, echo: false, ...shape },
    includeUsage: false,
    calls: 1,
    prompts: [],
    ...rest,
  }
}

async function* events(list: readonly (ModelEvent & { prompt?: number })[]): AsyncGenerator<PromptEvent> {
  for (const event of list) yield { ...event, prompt: event.prompt ?? 0 }
}

test('echo with log-probabilities is what lm-eval slices: every prompt token, then exactly the generated ones', async () => {
  const prompt = [{ ...chosen('a', 0), logprob: null, top: [] }, chosen('b', -0.5), chosen('c', -0.25)]
  const list: ModelEvent[] = [
    started,
    { type: 'prompt-logprobs', tokens: prompt },
    { type: 'text-delta', choice: 0, text: 'd', logprobs: [chosen('d', -0.125)] },
    { type: 'finish', choice: 0, reason: 'length' },
    end,
  ]
  const body = await foldCompletion(events(list), answer({ echo: true, logprobs: 1 }, { prompts: ['abc'] }))
  assert.deepEqual(body.choices, [
    {
      index: 0,
      text: 'abcd',
      logprobs: {
        tokens: ['a', 'b', 'c', 'd'],
        token_logprobs: [null, -0.5, -0.25, -0.125],
        top_logprobs: [null, { b: -0.5 }, { c: -0.25 }, { d: -0.125 }],
        text_offset: [0, 1, 2, 3],
      },
      finish_reason: 'length',
    },
  ])
})

test('of best_of the likeliest per token are sent, not the likeliest as a whole, and all that was generated is counted', async () => {
  const words = [[-1], [-0.5, -0.5, -0.5], [-0.25, -3]]
  const list: ModelEvent[] = words.flatMap((logprobs, choice): ModelEvent[] => [
    ...logprobs.map(
      (logprob): ModelEvent => ({ type: 'text-delta', choice, text: `${choice}`, logprobs: [chosen('x', logprob)] }),
    ),
    { type: 'finish', choice, reason: 'stop' },
  ])
  const body = await foldCompletion(events([started, ...list, end]), answer({ choices: 2, generated: 3 }))
  assert.deepEqual(
    body.choices.map(({ index, text, logprobs }) => ({ index, text, logprobs })),
    [
      { index: 0, text: '111', logprobs: null },
      { index: 1, text: '0', logprobs: null },
    ],
  )
  assert.equal(body.usage?.completion_tokens, 3)
})

test('prompts have rising indexes and their tokens are summed', async () => {
  const list = [0, 1].flatMap((prompt) =>
    [
      started,
      ...[0, 1].flatMap((choice): ModelEvent[] => [
        { type: 'text-delta', choice, text: `${prompt}${choice}` },
        { type: 'finish', choice, reason: 'context' },
      ]),
      end,
    ].map((event) => ({ ...event, prompt })),
  )
  const body = await foldCompletion(events(list.toReversed()), answer({ choices: 2, generated: 2 }, { calls: 2 }))
  assert.deepEqual(
    body.choices.map(({ index, text, finish_reason }) => [index, text, finish_reason]),
    [
      [0, '00', 'length'],
      [1, '01', 'length'],
      [2, '10', 'length'],
      [3, '11', 'length'],
    ],
  )
  assert.equal(body.usage?.total_tokens, 10)
})

test('events without their end are a failure, never a short answer', async () => {
  const list: ModelEvent[] = [started, { type: 'text-delta', choice: 0, text: 'half' }]
  await assert.rejects(foldCompletion(events(list), answer({})), { code: 'internal_error' })
})

test('a stream says what the whole answer says', async () => {
  const delta = fc.record({
    choice: fc.nat(1),
    text: fc.string({ unit: 'grapheme', maxLength: 4 }),
    logprob: fc.double({ min: -9, max: 0, noNaN: true }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(delta, { maxLength: 20 }), fc.boolean(), async (deltas, echo) => {
      const list: ModelEvent[] = [
        started,
        { type: 'prompt-logprobs', tokens: [{ ...chosen('p', 0), logprob: null }] },
        ...deltas.map(
          ({ choice, text, logprob }): ModelEvent => ({
            type: 'text-delta',
            choice,
            text,
            logprobs: [chosen(text, logprob)],
          }),
        ),
        { type: 'finish', choice: 0, reason: 'stop' },
        { type: 'finish', choice: 1, reason: 'length' },
        end,
      ]
      const wanted = answer({ choices: 2, generated: 2, echo, logprobs: 1 }, { prompts: ['p'], includeUsage: true })
      // Through JSON as a client gets it, where −0 is 0.
      const whole = JSON.parse(JSON.stringify(await foldCompletion(events(list), wanted))) as Completion
      const frames: string[] = []
      for await (const text of completionFrames(events(list), wanted)) frames.push(text)
      assert.equal(frames.pop(), 'data: [DONE]\n\n')
      const chunks = frames.map((text) => JSON.parse(text.slice('data: '.length)) as Completion)
      const last = chunks.pop()
      assert.deepEqual(last?.choices, [])
      assert.deepEqual(last?.usage, whole.usage)
      assert.ok(chunks.every(({ usage }) => usage === null))
      for (const choice of whole.choices) assert.deepEqual(sum(chunks, choice.index), choice)
    }),
  )
})

/** What a client has of one choice when it adds up its pieces. */
function sum(chunks: readonly Completion[], index: number): CompletionChoice | undefined {
  const pieces = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
  return pieces.reduce<CompletionChoice | undefined>((total, piece) => {
    if (total === undefined) return piece
    const [a, b] = [total.logprobs, piece.logprobs]
    const logprobs =
      a === null || b === null
        ? (a ?? b)
        : {
            tokens: [...a.tokens, ...b.tokens],
            token_logprobs: [...a.token_logprobs, ...b.token_logprobs],
            top_logprobs: [...a.top_logprobs, ...b.top_logprobs],
            text_offset: [...a.text_offset, ...b.text_offset],
          }
    return { index, text: total.text + piece.text, logprobs, finish_reason: piece.finish_reason ?? total.finish_reason }
  }, undefined)
}
