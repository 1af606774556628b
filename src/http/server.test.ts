import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { createEchoModel } from '../../test/support/echo-model.ts'
import { chat, send } from '../../test/support/http-client.ts'
import { adminKey, startServer } from '../../test/support/server.ts'

const server = await startServer(
  [createEchoModel({ aliases: ['org/echo-latest'] }), createEchoModel({ name: 'org/other' })],
  { bodyLimit: 100_000, corsOrigin: ['https://chat.example.org', 'http://localhost:3000'] },
)
after(() => server.stop())

/** Status, code of either vocabulary, and the field at fault. */
async function refusal(answer: ReturnType<typeof send>) {
  const { status, json, headers } = await answer
  const body = json()
  assert.equal(body.object, 'error')
  assert.equal(body.message, body.error.message)
  assert.equal(body.raw_status_code, status)
  assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f]{32}$/)
  return {
    status,
    mistral: [body.type, body.code],
    openai: [body.error.type, body.error.code],
    param: body.error.param,
    message: body.message,
  }
}

test('every answer carries one request id under the names of both vendors', async () => {
  const { headers } = await send(server, '/v1/models')
  const id = headers.get('x-request-id')
  assert.match(id ?? '', /^[0-9a-f]{32}$/)
  assert.equal(headers.get('mistral-correlation-id'), id)
  assert.match(headers.get('openai-processing-ms') ?? '', /^\d+$/)
  assert.equal(headers.get('openai-version'), '2020-10-01')
  assert.equal(headers.get('openai-organization'), 'default')
})

test('every route but health wants a key, as Bearer or x-api-key', async () => {
  const without = { authorization: '' }
  for (const path of ['/v1/models', '/metrics', '/openapi.json', '/tokenizer_info']) {
    const { status, openai } = await refusal(send(server, path, { headers: without }))
    assert.deepEqual([status, openai[1]], [401, 'invalid_api_key'], path)
  }
  assert.equal((await send(server, '/v1/models', { headers: { authorization: 'Bearer wrong' } })).status, 401)
  assert.equal((await send(server, '/v1/models', { headers: { ...without, 'x-api-key': adminKey } })).status, 200)
  for (const path of ['/healthz', '/readyz']) {
    assert.equal((await send(server, path, { headers: without })).status, 200, path)
  }
})

test('an unknown model is 404 in both vocabularies', async () => {
  assert.deepEqual(await refusal(chat(server, { model: 'nope' })), {
    status: 404,
    mistral: ['invalid_model', '1500'],
    openai: ['invalid_request_error', 'model_not_found'],
    param: 'model',
    message: 'There is no model "nope" here. GET /v1/models lists what this server has.',
  })
})

test('a wrong field is a 400 that names it and says what it must be', async () => {
  const user = { role: 'user', content: 'x' }
  const cases: [body: object, param: string, reason: RegExp][] = [
    [{ temperature: 3 }, 'temperature', /at most 2/],
    [{ temperature: '1' }, 'temperature', /must be a number/],
    [{ messages: [] }, 'messages', /empty/],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content', /a string or an array/],
    [{ messages: [user, { role: 'user', content: [{ type: 'text' }] }] }, 'messages[1].content[0].text', /missing/],
    [{ messages: [{ role: 'user', content: [{ type: 'video' }] }] }, 'messages[0].content[0].type', /"text"/],
    [{ messages: [{ role: 'robot', content: '' }] }, 'messages[0].role', /"system".*"assistant"/],
    [{ messages: [{ content: '' }] }, 'messages[0].role', /./],
    [{ stop: '' }, 'stop', /empty/],
    [{ stop: ['a', 5] }, 'stop[1]', /a string/],
    [{ n: 0 }, 'n', /at least 1/],
    [{ n: 1.5 }, 'n', /whole number/],
    [{ tool_choice: 'maybe' }, 'tool_choice', /"auto"/],
    [{ tools: [{ type: 'function', function: { name: 'a b' } }] }, 'tools[0].function.name', /match/],
    [{ logit_bias: { x: 1 } }, 'logit_bias.x', /no such field/],
    [{ response_format: { type: 'xml' } }, 'response_format.type', /"json_object"/],
  ]
  for (const [body, param, reason] of cases) {
    const answer = await refusal(chat(server, body))
    assert.deepEqual([answer.status, answer.openai[1], answer.param], [400, 'invalid_value', param])
    assert.match(answer.message, reason)
  }
  const { param, message } = await refusal(send(server, '/v1/chat/completions', { body: { messages: [user] } }))
  assert.deepEqual([param, /missing/.test(message)], ['model', true])
})

test('bodies that are no JSON, or hostile JSON, are 400', async () => {
  const post = (body: string) => refusal(send(server, '/v1/chat/completions', { body }))
  for (const body of [
    '{"a',
    '',
    'nonsense',
    '{"model":"echo",}',
    `${'['.repeat(5000)}${']'.repeat(5000)}`,
    '{"__proto__":{"a":1}}',
  ]) {
    assert.deepEqual((await post(body)).openai[1], 'invalid_json', body.slice(0, 20))
  }
  assert.match((await post('{"model":"echo",}')).message, /character 16/)
  assert.doesNotMatch((await post('{"messages":[{"content":"secret words" oops}]}')).message, /secret/)
  const latin = await refusal(
    send(server, '/v1/chat/completions', { body: new Blob([Buffer.from('{"model":"\xe9"}', 'latin1')]) }),
  )
  assert.deepEqual([latin.status, latin.openai[1]], [400, 'invalid_json'])
  assert.match(latin.message, /not UTF-8/)
  const marked = { model: 'echo', messages: [{ role: 'user', content: 'a' }] }
  assert.equal((await send(server, '/v1/chat/completions', { body: `\ufeff${JSON.stringify(marked)}` })).status, 200)
  for (const body of ['null', '[]', '5', '"text"']) assert.deepEqual((await post(body)).param, 'body', body)
})

test('too large, of another type, with another method, to another path', async () => {
  const large = await refusal(chat(server, { messages: [{ role: 'user', content: 'x'.repeat(100_000) }] }))
  assert.deepEqual([large.status, large.openai[1]], [413, 'request_too_large'])
  const typed = await refusal(
    send(server, '/v1/chat/completions', { body: 'a=b', headers: { 'content-type': 'text/plain' } }),
  )
  assert.deepEqual([typed.status, typed.openai[1]], [415, 'unsupported_media_type'])
  const packed = await refusal(
    send(server, '/v1/chat/completions', { body: 'packed', headers: { 'content-encoding': 'gzip' } }),
  )
  assert.deepEqual([packed.status, packed.openai[1]], [415, 'unsupported_media_type'])
  assert.match(packed.message, /content encoding "gzip"/)
  const method = await send(server, '/v1/chat/completions', { method: 'DELETE' })
  assert.deepEqual([method.status, method.headers.get('allow')], [405, 'POST'])
  const path = await refusal(send(server, '/v1/assistants', { body: {} }))
  assert.deepEqual([path.status, path.openai[1]], [404, 'unsupported_endpoint'])
  assert.equal((await refusal(send(server, '/v1/models/%zz'))).status, 400)
})

test('a page of an origin that the setting names may call with a key, and never with a cookie', async () => {
  const origin = 'https://chat.example.org'
  const asked = { origin, 'access-control-request-method': 'POST', authorization: '' }
  const wanted = 'authorization,content-type,x-stainless-lang,galerne-workspace'
  const before = await send(server, '/v1/chat/completions', {
    method: 'OPTIONS',
    headers: { ...asked, 'access-control-request-headers': wanted },
  })
  assert.deepEqual([before.status, before.text], [204, ''])
  assert.equal(before.headers.get('access-control-allow-origin'), origin)
  assert.match(before.headers.get('access-control-allow-methods') ?? '', /POST.*DELETE/)
  assert.equal(before.headers.get('access-control-allow-headers'), wanted)
  const user = { role: 'user', content: 'hi' }
  const body = { model: 'echo', messages: [user] }
  for (const [answer, status] of [
    [await send(server, '/v1/chat/completions', { body, headers: { origin } }), 200],
    [await send(server, '/v1/chat/completions', { body: { ...body, stream: true }, headers: { origin } }), 200],
    [await send(server, '/v1/models', { headers: { origin, authorization: 'Bearer wrong' } }), 401],
    [await send(server, '/nowhere', { headers: { origin } }), 404],
    [await send(server, '/v1/models', { headers: { origin: 'http://localhost:3000' } }), 200],
  ] as const) {
    assert.equal(answer.status, status)
    assert.match(
      answer.headers.get('access-control-allow-origin') ?? '',
      /^(https:\/\/chat\.example\.org|http:\/\/localhost:3000)$/,
    )
    // With credentials the star would name one header of that name; without it stands for all.
    assert.equal(answer.headers.get('access-control-expose-headers'), '*')
    assert.equal(answer.headers.get('access-control-allow-credentials'), null)
    assert.match(answer.headers.get('vary') ?? '', /Origin/)
  }
})

test('a page of another origin is told nothing', async () => {
  for (const origin of ['https://chat.example.org.evil.example', 'http://chat.example.org', 'null']) {
    const headers = { origin, 'access-control-request-method': 'POST' }
    const before = await send(server, '/v1/chat/completions', { method: 'OPTIONS', headers })
    const { headers: after } = await send(server, '/v1/models', { headers: { origin } })
    assert.equal(before.headers.get('access-control-allow-origin'), null, origin)
    assert.equal(after.get('access-control-allow-origin'), null, origin)
  }
})

test('names with a slash arrive encoded or not; a doubled /v1 is one', async () => {
  for (const path of ['org%2Fother', 'org/other']) {
    assert.equal((await send(server, `/v1/models/${path}`)).json().id, 'org/other')
  }
  assert.equal((await send(server, '/v1/models/org%2Fecho-latest')).json().id, 'echo')
  assert.equal((await send(server, '/v1/v1/models')).json().data.length, 2)
  assert.equal(
    (
      await send(server, '/v1/v1/chat/completions', {
        body: { model: 'echo', messages: [{ role: 'user', content: 'a' }] },
      })
    ).status,
    200,
  )
})

test('the list of models is one page of both pagings', async () => {
  const list = (await send(server, '/v1/models')).json()
  const { object, total, has_more, first_id, last_id } = list
  assert.deepEqual(
    { object, total, has_more, first_id, last_id },
    { object: 'list', total: 2, has_more: false, first_id: 'echo', last_id: 'org/other' },
  )
  assert.deepEqual(list.data[0].capabilities.completion_chat, true)
  assert.equal(list.data[0].type, 'base')
})

test('the list of models takes the filter of Mistral, and names what it does not know', async () => {
  const named = await send(server, '/v1/models?model=org%2Fecho-latest&provider=mistral')
  assert.deepEqual(
    named.json().data.map(({ id }: { id: string }) => id),
    ['echo'],
  )
  assert.equal(named.headers.get('galerne-ignored-fields'), 'provider')
  assert.deepEqual((await send(server, '/v1/models?model=nobody')).json().data, [])
})

test('counting tokens names what had no effect on the count', async () => {
  const ignored = async (path: string, body: object) =>
    (await send(server, path, { body })).headers.get('galerne-ignored-fields')
  assert.equal(await ignored('/tokenize', { model: 'echo', prompt: 'a', tools: [{}], foo: 1 }), 'tools, foo')
  assert.equal(
    await ignored('/tokenize', {
      model: 'echo',
      messages: [{ role: 'user', content: 'a' }],
      add_special_tokens: true,
      parse_special: true,
    }),
    'add_special_tokens, parse_special',
  )
  assert.equal(
    await ignored('/detokenize', { model: 'echo', tokens: [1], skip_special_tokens: true }),
    'skip_special_tokens',
  )
})

test('what is not HTTP gets an answer that is', async () => {
  const speak = async (text: string) => {
    const socket = connect(server.port, '127.0.0.1')
    socket.end(text)
    let answer = ''
    for await (const piece of socket) answer += piece
    return answer
  }
  assert.match(await speak('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 .*"object":"error"/s)
  assert.match(
    await speak(`GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 .*16 KiB/s,
  )
  assert.match(
    await speak('GET /healthz HTTP/1.1\r\nhost: a/../b\r\nconnection: close\r\n\r\n'),
    /^HTTP\/1\.1 400 .*Host/s,
  )
  assert.match(await speak('GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n'), /^HTTP\/1\.1 400 .*"param":"Host"/s)
  assert.match(await speak('GET /healthz HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /)
  const expecting = 'host: a\r\nexpect: the-unexpected\r\nconnection: close\r\n\r\n'
  assert.match(await speak(`GET /healthz HTTP/1.1\r\n${expecting}`), /^HTTP\/1\.1 200 /)
})

test('the reference lists every route with the schemas that validate', async () => {
  const document = (await send(server, '/openapi.json')).json()
  assert.equal(document.openapi, '3.1.0')
  for (const path of [
    '/v1/chat/completions',
    '/v1/models',
    '/tokenize',
    '/detokenize',
    '/tokenizer_info',
    '/healthz',
    '/readyz',
    '/metrics',
  ]) {
    assert.ok(document.paths[path], path)
  }
  const chatBody = document.paths['/v1/chat/completions'].post.requestBody.content['application/json'].schema
  assert.ok(chatBody.properties.random_seed && chatBody.properties.seed)
  const failure = document.paths['/v1/models'].get.responses.default.content['application/json'].schema
  assert.equal(failure.$ref, '#/components/schemas/Error')
  assert.ok(document.paths['/v1/models/{id}'].get.parameters.some(({ name }: { name: string }) => name === 'id'))
  const { content } = document.paths['/v1/chat/completions'].post.responses['200']
  assert.deepEqual(Object.keys(content), ['application/json', 'text/event-stream'])
  assert.deepEqual(document.paths['/healthz'].get.security, [])
})

test('metrics tell load and counts in the text format, with vLLM’s names', async () => {
  await chat(server)
  const { text, headers } = await send(server, '/metrics')
  assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(text, /^vllm:num_requests_running\{model_name="echo"\} 0$/m)
  assert.match(text, /^vllm:num_requests_waiting\{model_name="org\/other"\} 0$/m)
  assert.match(text, /^vllm:kv_cache_usage_perc\{model_name="echo"\} 0$/m)
  assert.match(text, /^vllm:generation_tokens_total\{model_name="echo"\} \d+$/m)
  assert.match(text, /^galerne_calls_total\{model_name="echo",operation="chat",outcome="ok"\} \d+$/m)
  assert.match(text, /^vllm:e2e_request_latency_seconds_bucket\{model_name="echo",le="\+Inf"\} \d+$/m)
  for (const line of text.trimEnd().split('\n')) assert.match(line, /^# (HELP|TYPE) \S+ .+$|^[\w:]+(\{[^}]*\})? \S+$/)
})

test('a call is logged once, with tokens and times, and without a word of the prompt', async () => {
  const answer = await chat(server, { messages: [{ role: 'user', content: 'xylophone quartz' }] })
  const lines = server.lines.filter(({ requestId }) => requestId === answer.headers.get('x-request-id'))
  assert.equal(lines.length, 1)
  const { msg, operation, outcome, model, key, workspace, promptTokens, completionTokens, finish } = lines[0] ?? {}
  assert.deepEqual(
    { msg, operation, outcome, model, key, workspace, promptTokens, completionTokens, finish },
    {
      msg: 'model call',
      operation: 'chat',
      outcome: 'ok',
      model: 'echo',
      key: 'key_use',
      workspace: 'default',
      promptTokens: 2,
      completionTokens: 2,
      finish: ['stop'],
    },
  )
  assert.doesNotMatch(JSON.stringify(server.lines), /xylophone|quartz/)
})

test('tokens are counted and read back in vLLM’s shapes', async () => {
  const { status, mistral } = await refusal(send(server, '/tokenize', { body: { prompt: 'a b' } }))
  assert.deepEqual([status, mistral[1]], [400, 'invalid_value'])
  const counted = (
    await send(server, '/tokenize', { body: { model: 'echo', prompt: 'one two three', return_token_strs: true } })
  ).json()
  assert.deepEqual([counted.count, counted.max_model_len, counted.token_strs], [3, 4096, ['one', ' two', ' three']])
  const read = (await send(server, '/detokenize', { body: { model: 'echo', tokens: counted.tokens } })).json()
  assert.deepEqual(read, { prompt: 'one two three' })
  const messages = [{ role: 'user', content: 'a b' }]
  assert.equal((await send(server, '/tokenize', { body: { model: 'echo', messages } })).json().count, 2)
  assert.equal(
    (await refusal(send(server, '/tokenize', { body: { model: 'echo', prompt: 'a', messages } }))).param,
    'prompt',
  )
  assert.equal(
    (await refusal(send(server, '/detokenize', { body: { model: 'echo', tokens: [1, 65_536] } }))).param,
    'tokens[1]',
  )
  const info = (await send(server, '/tokenizer_info?model=echo')).json()
  assert.deepEqual([info.tokenizer_class, info.vocab_size, info.bos_token], ['words', 65_536, null])
})
