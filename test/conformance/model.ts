// What any Model must do, local or upstream. Knows nothing of the model behind it but the contract in `wire/model.ts`.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Model } from '../../src/wire/model.ts'
import {
  chat,
  chatCall,
  collect,
  complete,
  completionCall,
  context,
  logprobsOf,
  never,
  reasonOf,
  textOf,
  usageOf,
} from './calls.ts'

/** A model under test and how to end it. */
export interface ModelUnderTest {
  readonly model: Model
  stop(): Promise<void>
}

const weather = {
  name: 'get_weather',
  description: 'The weather of a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 20 }, unit: { enum: ['celsius', 'fahrenheit'] } },
    required: ['city', 'unit'],
    additionalProperties: false,
  },
  strict: true,
}

/** Runs the suite. `startModel` is called once. */
export function runModelConformance(name: string, startModel: () => Promise<ModelUnderTest>): void {
  describe(`${name} keeps the Model contract`, () => {
    let started: ModelUnderTest
    const get = () => started.model
    before(async () => {
      started = await startModel()
    })
    after(async () => {
      await started?.stop()
    })
    events(get)
    endings(get)
    sampling(get)
    logprobs(get)
    structure(get)
    refusals(get)
    cancelling(get)
    tokens(get)
  })
}

function events(get: () => Model): void {
  test('events come in order: started, deltas, one finish a choice, end; usage adds up', async () => {
    const answer = await chat(get(), chatCall('Count from one to five.'))
    assert.equal(answer[0]?.type, 'started')
    assert.equal(answer.at(-1)?.type, 'end')
    assert.equal(answer.at(-2)?.type, 'finish')
    assert.ok(answer.slice(1, -2).every((event) => event.type === 'text-delta'))
    assert.equal(answer.filter((event) => event.type === 'finish').length, 1)
    const usage = usageOf(answer)
    const first = answer[0]
    assert.ok(first?.type === 'started' && first.promptTokens === usage.promptTokens && first.ranOn.length > 0)
    assert.ok(usage.completionTokens > 0 && usage.completionTokens <= 24)
    assert.ok(usage.cachedTokens < usage.promptTokens)
    assert.ok(textOf(answer).length > 0)
  })

  test('the prompt counts as many tokens as tokenize says', async () => {
    const call = chatCall('How many tokens is this?')
    const { context: _context, ...input } = call
    const tokens = await get().tokenize({ type: 'chat', call: input }, never())
    assert.equal(usageOf(await chat(get(), call)).promptTokens, tokens.length)
  })
}

function endings(get: () => Model): void {
  test('max tokens ends with length and is exact', async () => {
    const answer = await complete(
      get(),
      completionCall('Once upon a time', { sampling: { temperature: 0, maxTokens: 5 } }),
    )
    assert.equal(reasonOf(answer), 'length')
    assert.equal(usageOf(answer).completionTokens, 5)
  })

  test('no tokens wanted: none given, the prompt still counted', async () => {
    const answer = await complete(get(), completionCall('Once upon a time', { sampling: { maxTokens: 0 } }))
    assert.equal(textOf(answer), '')
    assert.equal(reasonOf(answer), 'length')
    assert.equal(usageOf(answer).completionTokens, 0)
    assert.ok(usageOf(answer).promptTokens > 0)
  })

  test('a stop string ends the answer, is not part of it, and may lie across tokens', async () => {
    const whole = textOf(await complete(get(), completionCall('One, two, three, four,')))
    const stop = whole.slice(6, 11)
    const answer = await complete(
      get(),
      completionCall('One, two, three, four,', { sampling: { temperature: 0, maxTokens: 24, stop: [stop] } }),
    )
    assert.equal(textOf(answer), whole.slice(0, whole.indexOf(stop)))
    assert.equal(reasonOf(answer), 'stop')
  })
}

function sampling(get: () => Model): void {
  const sampled = (seed: number, choices = 1) =>
    complete(
      get(),
      completionCall('My favourite animal is', { sampling: { temperature: 1, seed, maxTokens: 12, choices } }),
    )

  test('the same seed repeats the answer and another does not', async () => {
    const first = textOf(await sampled(7))
    assert.equal(textOf(await sampled(7)), first)
    assert.notEqual(textOf(await sampled(8)), first)
  })

  test('choices are told apart, each ends once, and the prompt is counted once', async () => {
    const one = usageOf(await sampled(7))
    const answer = await sampled(7, 3)
    const texts = [0, 1, 2].map((choice) => textOf(answer, choice))
    assert.equal(new Set(texts).size, 3)
    assert.equal(answer.filter((event) => event.type === 'finish').length, 3)
    assert.equal(usageOf(answer).promptTokens, one.promptTokens)
    assert.ok(usageOf(answer).completionTokens > one.completionTokens)
  })

  test('a bias of 100 forces a token', async () => {
    const [token] = await get().tokenize(
      { type: 'text', text: ' yes', addSpecial: false, parseSpecial: false },
      never(),
    )
    assert.ok(token !== undefined)
    const bias = { temperature: 0, maxTokens: 3, logitBias: { [token]: 100 } }
    const piece = await get().detokenize([token], never())
    assert.equal(textOf(await complete(get(), completionCall('Say', { sampling: bias }))), piece.repeat(3))
  })
}

function logprobs(get: () => Model): void {
  test('log-probabilities cover every token of the answer, alternatives best first', async () => {
    const sampling = { temperature: 0, maxTokens: 8, logprobs: 3 }
    const answer = await complete(get(), completionCall('The sky is', { sampling }))
    const entries = logprobsOf(answer)
    assert.equal(entries.length, usageOf(answer).completionTokens)
    assert.equal(Buffer.from(entries.flatMap((entry) => entry.bytes)).toString('utf8'), textOf(answer))
    for (const entry of entries) {
      assert.equal(entry.top.length, 3)
      assert.equal(entry.top[0]?.tokenId, entry.tokenId, 'greedy takes the likeliest')
      assert.ok(entry.logprob <= 0 && entry.logprob >= (entry.top[1]?.logprob ?? 0))
      assert.ok(entry.top.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0) <= 1 + 1e-3)
    }
  })

  test('a completion shows the token that ended it, and does not count it', async () => {
    const { endOfSequence } = await get().tokenizer()
    assert.ok(endOfSequence !== null)
    const sampling = { temperature: 0, maxTokens: 1, logprobs: 0, logitBias: { [endOfSequence]: 100 } }
    const answer = await complete(get(), completionCall('The sky is', { sampling }))
    assert.deepEqual(
      logprobsOf(answer).map((entry) => entry.tokenId),
      [endOfSequence],
    )
    assert.equal(textOf(answer), '')
    assert.equal(reasonOf(answer), 'stop')
    assert.equal(usageOf(answer).completionTokens, 0)
  })

  test("the prompt's own log-probabilities: one a token, none for the first, equal to those of the same answer", async () => {
    const sampling = { temperature: 0, maxTokens: 6, logprobs: 0 }
    const prompt = await get().tokenize(
      { type: 'text', text: 'The quick brown fox', addSpecial: true, parseSpecial: false },
      never(),
    )
    const answer = await complete(get(), completionCall('', { prompt: { type: 'tokens', tokens: prompt }, sampling }))
    const generated = logprobsOf(answer)
    const again = await complete(
      get(),
      completionCall('', {
        prompt: { type: 'tokens', tokens: [...prompt, ...generated.map((entry) => entry.tokenId)] },
        sampling: { maxTokens: 0 },
        promptLogprobs: 1,
      }),
    )
    const event = again.find((one) => one.type === 'prompt-logprobs')
    assert.ok(event?.type === 'prompt-logprobs')
    assert.equal(event.tokens.length, prompt.length + generated.length)
    assert.equal(event.tokens[0]?.logprob, null)
    for (const [index, entry] of generated.entries()) {
      const echoed: { tokenId: number; logprob: number | null } | undefined = event.tokens[prompt.length + index]
      assert.equal(echoed?.tokenId, entry.tokenId)
      // Batches of another shape round differently: up to 1.1 between logits was measured.
      assert.ok(Math.abs((echoed?.logprob ?? 0) - entry.logprob) < 0.5)
    }
  })
}

function structure(get: () => Model): void {
  test('JSON by a schema is valid and of the schema', async () => {
    const schema = {
      type: 'object',
      properties: { name: { type: 'string', maxLength: 12 }, age: { type: 'integer', minimum: 0, maximum: 150 } },
      required: ['name', 'age'],
      additionalProperties: false,
    }
    const output = { type: 'json-schema', name: 'person', schema, strict: true } as const
    const sampling = { temperature: 0.8, seed: 3, maxTokens: 80 }
    const answer = await chat(get(), chatCall('Describe a person.', { output, sampling }))
    assert.equal(reasonOf(answer), 'stop')
    const person: unknown = JSON.parse(textOf(answer))
    assert.ok(typeof person === 'object' && person !== null && 'name' in person && 'age' in person)
    assert.deepEqual(Object.keys(person).toSorted(), ['age', 'name'])
    assert.ok(Number.isInteger(person.age) && typeof person.name === 'string')
  })

  test('a required call of a function comes whole, by its schema, with finish reason tool-calls', async () => {
    const call = chatCall('What is the weather in Paris?', {
      tools: [weather],
      toolChoice: 'required',
      parallelToolCalls: false,
      sampling: { temperature: 0, maxTokens: 120 },
    })
    const answer = await chat(get(), call)
    const calls = answer.flatMap((event) => (event.type === 'tool-call' ? [event] : []))
    assert.equal(calls.length, 1)
    assert.equal(calls[0]?.call.name, 'get_weather')
    assert.match(calls[0]?.call.id ?? '', /^[a-zA-Z0-9]{9,}$/)
    const given: unknown = JSON.parse(calls[0]?.call.arguments ?? '')
    assert.ok(typeof given === 'object' && given !== null && 'unit' in given && 'city' in given)
    assert.ok(given.unit === 'celsius' || given.unit === 'fahrenheit')
    assert.equal(reasonOf(answer), 'tool-calls')
  })

  test('a call that is cut by its length comes as far as it came, never as text', async () => {
    const ask = async (maxTokens: number) => {
      const answer = await chat(
        get(),
        chatCall('What is the weather in Paris?', {
          tools: [weather],
          toolChoice: 'required',
          parallelToolCalls: false,
          sampling: { temperature: 0, maxTokens },
        }),
      )
      const calls = answer.flatMap((event) => (event.type === 'tool-call' ? [event] : []))
      const end = answer.find((event) => event.type === 'end')
      return { calls, text: textOf(answer), reason: reasonOf(answer), tokens: end?.usage.completionTokens ?? 0 }
    }
    const whole = await ask(120)
    const full = whole.calls[0]?.call.arguments ?? ''
    let begun = 0
    for (const fraction of [0.1, 0.3, 0.5, 0.6, 0.7]) {
      const { calls, text, reason } = await ask(Math.ceil(fraction * whole.tokens))
      assert.deepEqual([text, reason], ['', 'length'])
      for (const { call, unfinished } of calls) {
        begun += unfinished === true ? 1 : 0
        assert.equal(call.name, 'get_weather')
        assert.ok(full.startsWith(call.arguments), call.arguments)
      }
    }
    assert.ok(begun > 0)
  })
}

function refusals(get: () => Model): void {
  test('a prompt longer than the context is refused before anything starts, with both numbers', async () => {
    const limit = get().card.contextLength
    const [token = 0] = await get().tokenize(
      { type: 'text', text: 'a', addSpecial: false, parseSpecial: false },
      never(),
    )
    const prompt = { type: 'tokens', tokens: new Array<number>(limit + 10).fill(token) } as const
    await assert.rejects(complete(get(), completionCall('', { prompt })), {
      name: 'Failure',
      code: 'context_length_exceeded',
      status: 400,
    })
  })

  test('a deadline that has passed ends the call with its own code', async () => {
    const late = { ...context, deadline: 1 }
    await assert.rejects(chat(get(), chatCall('Hello', { context: late })), {
      name: 'Failure',
      code: 'deadline_exceeded',
    })
  })

  test('token ids outside the vocabulary are refused', async () => {
    const prompt = { type: 'tokens', tokens: [get().card.vocabularySize + 5] } as const
    await assert.rejects(complete(get(), completionCall('', { prompt })), { name: 'Failure', status: 400 })
  })
}

function cancelling(get: () => Model): void {
  const long = { temperature: 0, maxTokens: 2000, minTokens: 2000 }

  test('aborting the signal ends the call and frees its stream', async () => {
    const controller = new AbortController()
    const reading = (async () => {
      for await (const event of get().chat(chatCall('Tell a long story.', { sampling: long }), controller.signal)) {
        if (event.type === 'text-delta') controller.abort()
      }
    })()
    await assert.rejects(reading, { name: 'AbortError' })
    await untilIdle(get())
  })

  test('leaving the iteration frees the stream too', async () => {
    for await (const event of get().chat(chatCall('Tell a long story.', { sampling: long }), never())) {
      if (event.type === 'text-delta') break
    }
    await untilIdle(get())
  })

  test('a signal that is aborted already starts nothing', async () => {
    const aborted = AbortSignal.abort()
    await assert.rejects(collect(get().chat(chatCall('Hello'), aborted)), { name: 'AbortError' })
    assert.equal(get().load().running, 0)
  })
}

function tokens(get: () => Model): void {
  test('text survives tokenize and detokenize, and the tokenizer says what it is', async () => {
    const text = 'Un café à 3 € – naïve 日本語 🦊'
    const ids = await get().tokenize({ type: 'text', text, addSpecial: false, parseSpecial: false }, never())
    assert.equal((await get().detokenize(ids, never())).trimStart(), text)
    const info = await get().tokenizer()
    assert.equal(info.vocabularySize, get().card.vocabularySize)
  })

  test('a text that spells a control token is that token only where the caller says so', async () => {
    const { endOfSequence } = await get().tokenizer()
    if (endOfSequence === null) return
    const text = await get().detokenize([endOfSequence], never())
    const counted = async (parseSpecial: boolean) => {
      const call = completionCall('', { prompt: { type: 'text', text, parseSpecial }, sampling: { maxTokens: 1 } })
      const { promptTokens } = usageOf(await collect(get().complete(call, never())))
      const input = { type: 'text', text, addSpecial: true, parseSpecial } as const
      assert.equal(promptTokens, (await get().tokenize(input, never())).length)
      return promptTokens
    }
    assert.ok((await counted(false)) > (await counted(true)))
  })
}

/** Resolves when no sequence runs any more; the test's own time limit ends the wait. */
export async function untilIdle(model: Model): Promise<void> {
  while (model.load().running > 0) await new Promise((resolve) => setTimeout(resolve, 5))
}
