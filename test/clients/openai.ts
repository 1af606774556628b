// What every version of OpenAI's JavaScript client must be able to do against a running server. Typed by 7.x; older versions are passed in as such.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type OpenAI from 'openai-7'

/** How to reach the server under test, and its models. */
export interface Connection {
  readonly url: string
  readonly key: string
  readonly model: string
  readonly embeddingModel: string
}

/** A version of the package: its client class and where its streaming helper is. */
export interface OpenAIVersion {
  readonly name: string
  create(options: { baseURL: string; apiKey: string }): OpenAI
  /** `chat.completions.stream`, under `beta` in 4.x. */
  streamHelper(client: OpenAI): OpenAI['chat']['completions']['stream']
}

const question = [{ role: 'user' as const, content: 'Name the capital of France in one short sentence.' }]
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' }, unit: { enum: ['celsius', 'fahrenheit'] } },
  required: ['city', 'unit'],
  additionalProperties: false,
}
const weather = {
  type: 'function' as const,
  function: { name: 'get_weather', description: 'Current weather of a city', parameters },
}

/** Declares the suite as subtests of `t`. */
export async function runOpenAISuite(t: TestContext, version: OpenAIVersion, connection: Connection): Promise<void> {
  const { model } = connection
  const client = version.create({ baseURL: `${connection.url}/v1`, apiKey: connection.key })

  await t.test('chat', async () => {
    const answer = await client.chat.completions.create({ model, messages: question, max_tokens: 24, temperature: 0 })
    assert.match(answer.choices[0]?.message.content ?? '', /Paris/)
    assert.equal(
      answer.usage?.total_tokens,
      (answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0),
    )
    assert.ok(answer._request_id)
  })

  await t.test('a stream gives what the whole answer gives', async () => {
    const options = { model, messages: question, max_completion_tokens: 16, temperature: 0 }
    const whole = await client.chat.completions.create(options)
    const stream = await client.chat.completions.create({
      ...options,
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ''
    let usage = 0
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      usage = chunk.usage?.completion_tokens ?? usage
    }
    assert.equal(text, whole.choices[0]?.message.content)
    assert.equal(usage, whole.usage?.completion_tokens)
  })

  await t.test('the streaming helper assembles a tool call', async () => {
    const stream = version.streamHelper(client)({
      model,
      messages: [{ role: 'user', content: 'What is the weather in Paris in celsius?' }],
      tools: [weather],
      tool_choice: 'required',
      parallel_tool_calls: false,
      max_tokens: 80,
      temperature: 0,
    })
    const final = await stream.finalChatCompletion()
    const call = final.choices[0]?.message.tool_calls?.[0]
    assert.equal(final.choices[0]?.finish_reason, 'tool_calls')
    assert.ok(call?.type === 'function' && call.function.name === 'get_weather')
    assert.match(JSON.parse(call.function.arguments).unit, /celsius|fahrenheit/)
  })

  await t.test('a tool call cut by max_tokens comes as far as it came', async () => {
    const named = { type: 'function' as const, function: { name: 'get_weather' } }
    const common = { model, messages: question, tools: [weather], tool_choice: named, temperature: 0 }
    const full = await client.chat.completions.create({ ...common, max_tokens: 80 })
    // The last third of the tokens is arguments and the end of the markup.
    const max_tokens = Math.ceil(0.6 * (full.usage?.completion_tokens ?? 0))
    const cut = await client.chat.completions.create({ ...common, max_tokens })
    const [choice] = cut.choices
    const [call, ...others] = choice?.message.tool_calls ?? []
    assert.ok(call?.type === 'function' && others.length === 0, JSON.stringify(cut))
    assert.equal(call.function.name, 'get_weather')
    assert.throws(() => JSON.parse(call.function.arguments) as unknown, SyntaxError)
    assert.equal(choice?.message.content, null)
    assert.equal(choice?.finish_reason, 'length')

    let content = ''
    const deltas: OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall[] = []
    let reason: string | null | undefined
    for await (const { choices } of await client.chat.completions.create({ ...common, max_tokens, stream: true })) {
      content += choices[0]?.delta.content ?? ''
      deltas.push(...(choices[0]?.delta.tool_calls ?? []))
      reason = choices[0]?.finish_reason ?? reason
    }
    assert.deepEqual([content, reason], ['', 'length'])
    assert.deepEqual(
      deltas.map((delta) => [delta.index, delta.type, delta.function]),
      [[0, 'function', call.function]],
    )
  })

  await t.test('tool results are fed back', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'What is the weather in Paris?' }]
    const named = { type: 'function' as const, function: { name: 'get_weather' } }
    const common = { model, tools: [weather], max_tokens: 80, temperature: 0 }
    const first = await client.chat.completions.create({ ...common, messages, tool_choice: named })
    const message = first.choices[0]?.message
    const id = message?.tool_calls?.[0]?.id ?? ''
    assert.match(id, /^[a-zA-Z0-9]{9}$/)
    assert.ok(message)
    messages.push(message, { role: 'tool', tool_call_id: id, content: '{"temperature":21}' })
    const second = await client.chat.completions.create({ ...common, messages, tool_choice: 'none', max_tokens: 24 })
    assert.ok(second.choices[0]?.message.content)
    assert.ok(!second.choices[0]?.message.tool_calls)
  })

  await t.test('json schema', async () => {
    const schema = {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 20 }, population: { type: 'integer' } },
      required: ['city', 'population'],
      additionalProperties: false,
    }
    const answer = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'Describe Paris as JSON.' }],
      response_format: { type: 'json_schema', json_schema: { name: 'city', schema, strict: true } },
      max_tokens: 100,
      temperature: 0,
    })
    assert.deepEqual(Object.keys(JSON.parse(answer.choices[0]?.message.content ?? '')).sort(), ['city', 'population'])
  })

  await t.test('n, logprobs', async () => {
    const answer = await client.chat.completions.create({
      model,
      messages: question,
      max_tokens: 4,
      n: 2,
      seed: 7,
      logprobs: true,
      top_logprobs: 3,
    })
    assert.deepEqual(
      answer.choices.map((choice) => choice.index),
      [0, 1],
    )
    for (const choice of answer.choices) {
      const tokens = choice.logprobs?.content ?? []
      assert.ok(tokens.length > 0 && tokens.every((token) => token.logprob <= 0 && token.top_logprobs.length === 3))
    }
  })

  await t.test('completions by text and by token ids', async () => {
    const prompts = ['One, two, three,', 'The sky is']
    const answer = await client.completions.create({
      model,
      prompt: prompts,
      max_tokens: 5,
      temperature: 0,
      echo: true,
    })
    assert.ok(prompts.every((prompt, index) => answer.choices[index]?.text.startsWith(prompt)))
    const stream = await client.completions.create({
      model,
      prompt: prompts[0] ?? '',
      max_tokens: 5,
      temperature: 0,
      stream: true,
    })
    let text = ''
    for await (const chunk of stream) text += chunk.choices[0]?.text ?? ''
    assert.equal(`${prompts[0]}${text}`, answer.choices[0]?.text)
  })

  await t.test('a suffix is refused where the vocabulary has no FIM tokens', async () => {
    const refused = client.completions.create({ model, prompt: 'def f():', suffix: 'return 1', max_tokens: 4 })
    await assert.rejects(async () => refused, { status: 400, param: 'suffix' })
  })

  await t.test('embeddings: the default base64 equals floats', async () => {
    for (const name of [model, connection.embeddingModel]) {
      const input = ['hello world', 'good day']
      const packed = await client.embeddings.create({ model: name, input })
      const floats = await client.embeddings.create({ model: name, input, encoding_format: 'float' })
      for (const [index, { embedding }] of floats.data.entries()) {
        const other = packed.data[index]?.embedding ?? []
        assert.equal(other.length, embedding.length)
        assert.ok(embedding.every((value, at) => Math.abs(value - (other[at] ?? Number.NaN)) < 1e-3))
      }
    }
  })

  await t.test('models', async () => {
    const names = (await client.models.list()).data.map((card) => card.id)
    assert.ok(names.includes(model))
    assert.equal((await client.models.retrieve(model)).object, 'model')
  })

  await t.test('responses, whole, streamed and with a tool', async () => {
    const options = { model, input: 'Name the capital of France.', max_output_tokens: 24, temperature: 0 }
    const answer = await client.responses.create(options)
    assert.ok(answer.output_text)
    const kinds: string[] = []
    let text = ''
    for await (const event of await client.responses.create({ ...options, stream: true })) {
      kinds.push(event.type)
      if (event.type === 'response.output_text.delta') text += event.delta
    }
    assert.equal(text, answer.output_text)
    assert.equal(kinds[0], 'response.created')
    assert.match(kinds.at(-1) ?? '', /response\.(completed|incomplete)/)
    const asked = {
      ...{ ...options, input: 'Weather in Paris?', parallel_tool_calls: false },
      tools: [{ type: 'function' as const, name: 'get_weather', parameters, strict: true }],
      tool_choice: 'required' as const,
    }
    const called = await client.responses.create({ ...asked, max_output_tokens: 80 })
    const call = called.output.find((item) => item.type === 'function_call')
    assert.ok(call?.type === 'function_call' && call.name === 'get_weather' && 'city' in JSON.parse(call.arguments))
    const max_output_tokens = Math.ceil(0.6 * (called.usage?.output_tokens ?? 0))
    let cut: OpenAI.Responses.Response | undefined
    // Not by the helper: that of 4.x knows no `response.incomplete`.
    for await (const event of await client.responses.create({ ...asked, max_output_tokens, stream: true })) {
      if (event.type === 'response.incomplete') cut = event.response
    }
    assert.equal(cut?.incomplete_details?.reason, 'max_output_tokens')
    assert.deepEqual(
      cut.output.map((item) => [item.type, 'status' in item && item.status, 'name' in item && item.name]),
      [['function_call', 'incomplete', 'get_weather']],
    )
  })

  await t.test('errors are typed', async () => {
    const stranger = version.create({ baseURL: `${connection.url}/v1`, apiKey: 'gal_wrong' })
    await assert.rejects(async () => stranger.models.list(), { status: 401, code: 'invalid_api_key' })
    const unknown = client.chat.completions.create({ model: 'no-such-model', messages: question })
    await assert.rejects(async () => unknown, { status: 404, code: 'model_not_found', param: 'model' })
    const long = client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'word '.repeat(60_000) }],
    })
    await assert.rejects(async () => long, { status: 400, code: 'context_length_exceeded' })
    const hot = client.chat.completions.create({ model, messages: question, temperature: 9 })
    await assert.rejects(async () => hot, { status: 400, param: 'temperature' })
  })
}
