// The call that an `/infill` body means, in llama.cpp's names and with its defaults.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { prepareInfill } from './prepare-infill.ts'

const { card } = createEchoModel()

test("what is not sent has llama.cpp's defaults, and null is not sent", () => {
  const defaults = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 }
  assert.deepEqual(prepareInfill({}, card).call.sampling, defaults)
  const body = { temperature: null, top_k: null, seed: null, logit_bias: null, n_predict: null, stop: null }
  assert.deepEqual(prepareInfill(body, card).call.sampling, defaults)
})

test('names and special values are translated', () => {
  const body = {
    input_prefix: 'a',
    prompt: 'b',
    input_suffix: 'c',
    input_extra: [{ filename: 'x.py', text: 'x' }, { text: 'y' }],
    temperature: -1,
    top_k: 0,
    seed: -1,
    repeat_penalty: 1.1,
    n_predict: -2,
    logit_bias: [
      [7, 1.5],
      [8, false],
    ] as [number, number | false][],
    n_probs: 2,
  }
  assert.deepEqual(prepareInfill(body, card).call, {
    prompt: {
      type: 'fill-in-the-middle',
      prefix: 'ab',
      suffix: 'c',
      files: [
        { name: 'x.py', text: 'x' },
        { name: '', text: 'y' },
      ],
    },
    sampling: {
      temperature: 0,
      topK: 0,
      topP: 0.95,
      minP: 0.05,
      repetitionPenalty: 1.1,
      logitBias: { 7: 1.5, 8: -100 },
      logprobs: 2,
    },
    output: { type: 'text' },
  })
  assert.equal(prepareInfill({ n_predict: 0, seed: 5 }, card).call.sampling.maxTokens, 0)
  assert.equal(prepareInfill({ n_predict: 0, seed: 5 }, card).call.sampling.seed, 5)
})

test('two limits that disagree are refused', () => {
  assert.throws(() => prepareInfill({ n_predict: 3, max_tokens: 4 }, card), { code: 'invalid_value' })
})
