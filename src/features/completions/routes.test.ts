// The text completion doors as clients meet them, over a real server.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { Mistral } from 'mistralai-2'
import OpenAI from 'openai-7'
import { anySampling, assertAnswersOrRefuses } from '../../../test/support/any-body.ts'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { send } from '../../../test/support/http-client.ts'
import { assertKeepsSchema } from '../../../test/support/schemas.ts'
import { type RunningServer, startServer, testKey } from '../../../test/support/server.ts'
import { Completion } from '../../wire/completions.ts'
import { InfillResponse } from '../../wire/fim.ts'

const echo = createEchoModel()
let server: RunningServer
let openai: OpenAI
before(async () => {
  server = await startServer([
    echo,
    createEchoModel({ name: 'plain', capabilities: { fillInTheMiddle: false } }),
    createEchoModel({ name: 'broken', failAfter: 1 }),
    createEchoModel({ name: 'small', contextLength: 4 }),
  ])
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: testKey, maxRetries: 0 })
})
after(() => server.stop())

const post = (path: string, body: object) => send(server, path, { body })

async function complete(body: object): Promise<Completion> {
  const response = await post('/v1/completions', { model: 'echo', ...body })
  assert.equal(response.status, 200, response.text)
  assertKeepsSchema(Completion, response.json())
  return response.json()
}

async function refusal(path: string, body: object) {
  const response = await post(path, { model: 'echo', ...body })
  const { error } = response.json() as { error: { param: string | null; code: string } }
  return { status: response.status, param: error.param, code: error.code }
}

test('without max_tokens sixteen tokens are generated', async () => {
  const prompt = Array.from({ length: 20 }, (_, index) => `w${index}`).join(' ')
  const body = await complete({ prompt })
  assert.equal(body.choices[0]?.text, prompt.split(' ').slice(0, 16).join(' '))
  assert.equal(body.choices[0]?.finish_reason, 'length')
  assert.equal(body.usage?.completion_tokens, 16)
})

test('prompts of token ids are scored as lm-eval asks: all their tokens and one more', async () => {
  const prompts = await Promise.all(
    ['one two three', 'four five'].map((text) =>
      echo.tokenize({ type: 'text', text, addSpecial: false, parseSpecial: false }, new AbortController().signal),
    ),
  )
  const body = await complete({ prompt: prompts, temperature: 0, max_tokens: 1, logprobs: 1, echo: true, seed: 1234 })
  assert.deepEqual(
    body.choices.map(({ index, text, logprobs }) => [index, text, logprobs?.tokens, logprobs?.token_logprobs]),
    [
      [0, 'one two threeone', ['one', ' two', ' three', 'one'], [null, -0.5, -0.5, -0.5]],
      [1, 'four fivefour', ['four', ' five', 'four'], [null, -0.5, -0.5]],
    ],
  )
  assert.deepEqual(body.choices[0]?.logprobs?.top_logprobs, [null, { ' two': -0.5 }, { ' three': -0.5 }, { one: -0.5 }])
  assert.deepEqual(body.choices[0]?.logprobs?.text_offset, [0, 3, 7, 13])
})

test('max_tokens 0 with echo gives the prompt alone', async () => {
  const body = await complete({ prompt: 'one two', max_tokens: 0, echo: true, logprobs: 0 })
  const [choice] = body.choices
  assert.equal(choice?.text, 'one two')
  assert.deepEqual(choice?.logprobs?.top_logprobs, [null, { ' two': -0.5 }])
  assert.equal(body.usage?.completion_tokens, 0)
})

test("OpenAI's client streams several prompts with n, and gets usage when it asks", async () => {
  const stream = await openai.completions.create({
    model: 'echo',
    prompt: ['a b', 'c d e'],
    n: 2,
    stream: true,
    stream_options: { include_usage: true },
  })
  const texts = ['', '', '', '']
  const ends: string[] = []
  let total = 0
  for await (const { choices, usage } of stream) {
    for (const { index, text, finish_reason } of choices) {
      texts[index] += text
      if (finish_reason) ends.push(`${index} ${finish_reason}`)
    }
    total += usage?.total_tokens ?? 0
  }
  assert.deepEqual(texts, ['a b', 'a b', 'c d e', 'c d e'])
  assert.deepEqual(ends.sort(), ['0 stop', '1 stop', '2 stop', '3 stop'])
  assert.equal(total, 2 + 4 + 3 + 6)
})

test('a stream that fails after it began raises; a prompt that does not fit is a 400 with its numbers', async () => {
  const stream = await openai.completions.create({ model: 'broken', prompt: 'a b c', stream: true })
  await assert.rejects(
    async () => {
      for await (const chunk of stream) assert.ok(chunk.id)
    },
    (error: Error) => error instanceof OpenAI.APIError && /engine process/.test(error.message),
  )
  const refused = openai.completions.create({ model: 'small', prompt: ['a', 'a b c d e f'], stream: false })
  await assert.rejects(refused, { status: 400, code: 'context_length_exceeded' })
})

test('best_of generates more than it sends, and does not stream', async () => {
  const body = await complete({ prompt: 'a b', n: 1, best_of: 3 })
  assert.equal(body.choices.length, 1)
  assert.equal(body.choices[0]?.logprobs, null)
  assert.equal(body.usage?.completion_tokens, 6)
  const invalid = { status: 400, param: 'best_of', code: 'invalid_value' }
  assert.deepEqual(await refusal('/v1/completions', { prompt: 'a', best_of: 2, stream: true }), invalid)
  assert.deepEqual(await refusal('/v1/completions', { prompt: 'a', best_of: 1, n: 2 }), invalid)
})

test('suffix fills in the middle where the vocabulary can, and is refused by name where not', async () => {
  const body = await complete({ prompt: 'before', suffix: ' after' })
  assert.equal(body.choices[0]?.text, 'before after')
  const refused = { status: 400, param: 'suffix', code: 'unsupported_value' }
  assert.deepEqual(await refusal('/v1/completions', { model: 'plain', prompt: 'a', suffix: 'b' }), refused)
  assert.deepEqual(await refusal('/v1/completions', { prompt: [1, 2], suffix: 'b' }), refused)
  assert.equal((await refusal('/v1/completions', { prompt: 'a', suffix: 'b', echo: true })).param, 'echo')
})

test('token ids outside the vocabulary are named', async () => {
  assert.equal((await refusal('/v1/completions', { prompt: [1, 70_000] })).param, 'prompt[1]')
  assert.equal((await refusal('/v1/completions', { prompt: [[1], [2, 3, 70_000]] })).param, 'prompt[1][2]')
  assert.equal((await refusal('/v1/completions', { prompt: [1, -1] })).status, 400)
  const many = Array.from({ length: 2049 }, () => 'a')
  assert.equal((await refusal('/v1/completions', { prompt: many })).param, 'prompt')
})

test("Mistral's client fills in the middle, streamed and not", async () => {
  const mistral = new Mistral({ apiKey: testKey, serverURL: server.url })
  const request = { model: 'echo', prompt: 'def f():', suffix: ' return 1', minTokens: 1, randomSeed: 3 }
  const whole = await mistral.fim.complete(request)
  assert.equal(whole.choices?.[0]?.message?.content, 'def f(): return 1')
  assert.equal(whole.object, 'chat.completion')
  let text = ''
  for await (const { data } of await mistral.fim.stream(request)) text += data.choices[0]?.delta.content ?? ''
  assert.equal(text, 'def f(): return 1')
  const refused = await refusal('/v1/fim/completions', { model: 'plain', prompt: 'a', suffix: 'b' })
  assert.deepEqual(refused, { status: 400, param: 'model', code: 'unsupported_value' })
})

test("infill answers in llama.cpp's shape and reads its names", async () => {
  const request = {
    model: 'echo',
    input_prefix: 'def f(): ',
    prompt: 'ret',
    input_suffix: 'urn 1',
    input_extra: [{ filename: 'a.py', text: 'x = 1' }],
    n_predict: 2,
    temperature: -1,
    seed: -1,
    repeat_penalty: 1.1,
    logit_bias: [
      [12, -5.5],
      [13, false],
    ],
    n_probs: 1,
    return_tokens: true,
    samplers: ['top_k'],
  }
  const response = await post('/infill', request)
  assert.equal(response.headers.get('galerne-ignored-fields'), 'samplers')
  const body = response.json() as Record<string, unknown>
  assertKeepsSchema(InfillResponse, body)
  const { content, stop, stop_type, tokens_predicted, tokens_evaluated, truncated } = body
  assert.deepEqual(
    { content, stop, stop_type, tokens_predicted, tokens_evaluated, truncated },
    { content: 'def f():', stop: true, stop_type: 'limit', tokens_predicted: 2, tokens_evaluated: 4, truncated: false },
  )
  assert.equal((body['tokens'] as number[]).length, 2)
  assert.equal((body['completion_probabilities'] as { top_logprobs: unknown[] }[])[1]?.top_logprobs.length, 1)

  const fields = ['content', 'timings/prompt_n', 'absent/field']
  const selected = await post('/infill', { ...request, response_fields: fields })
  assert.deepEqual(selected.json(), { content: 'def f():', 'timings/prompt_n': 4 })

  const { text } = await post('/infill', { ...request, n_predict: -1, stream: true })
  const pieces = text
    .trim()
    .split('\n\n')
    .map((line) => JSON.parse(line.slice('data: '.length)) as { content: string; stop: boolean; stop_type?: string })
  assert.equal(pieces.map((piece) => piece.content).join(''), 'def f(): return 1')
  assert.deepEqual(
    pieces.map((piece) => piece.stop),
    [false, false, false, false, true],
  )
  assert.equal(pieces.at(-1)?.stop_type, 'eos')
  assert.equal(
    (
      await refusal('/infill', {
        logit_bias: [
          [1, 2],
          [3, 1000],
        ],
      })
    ).param,
    'logit_bias[1]',
  )
})

const words = fc.constantFrom('', 'a', 'a b c', 'é 👋')
const ids = fc.array(fc.integer({ min: 0, max: 70_000 }), { maxLength: 4 })

test('any body gets a completion or a 4xx', () =>
  assertAnswersOrRefuses(server, '/v1/completions', {
    ...anySampling,
    prompt: fc.oneof(words, fc.array(words, { maxLength: 3 }), ids, fc.array(ids, { maxLength: 3 })),
    suffix: words,
    n: fc.integer({ min: 1, max: 3 }),
    best_of: fc.integer({ min: 0, max: 3 }),
    echo: fc.boolean(),
    logprobs: fc.integer({ min: 0, max: 6 }),
    stream: fc.boolean(),
    stream_options: fc.record({ include_usage: fc.boolean() }),
    response_format: fc.record({ type: fc.constantFrom('text', 'json_object', 'json_schema') }),
  }))

test('any body gets its gap filled or a 4xx', async () => {
  const stream = fc.boolean()
  await assertAnswersOrRefuses(server, '/v1/fim/completions', { ...anySampling, prompt: words, suffix: words, stream })
  await assertAnswersOrRefuses(server, '/infill', {
    ...anySampling,
    input_prefix: words,
    input_suffix: words,
    prompt: words,
    input_extra: fc.array(fc.record({ filename: words, text: words }), { maxLength: 2 }),
    n_predict: fc.integer({ min: -3, max: 5 }),
    n_probs: fc.integer({ min: 0, max: 21 }),
    response_fields: fc.array(fc.constantFrom('content', 'timings/prompt_n', '__proto__', 'x/y'), { maxLength: 3 }),
    stream,
  })
})
