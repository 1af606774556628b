// Requests that are wrong in every way a fuzzer can think of: right ones with one to three places changed, broken JSON, broken bytes, wrong headers.
import fc from 'fast-check'

/** One request to send. */
export interface HostileRequest {
  readonly path: string
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

const parameters = { type: 'object', properties: { city: { type: 'string', maxLength: 8 } }, required: ['city'] }
const tools = [{ type: 'function', function: { name: 'weather', description: 'd', parameters, strict: true } }]
const call = { id: 'aB3dE6gH9', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }
const sampling = {
  temperature: 0.7,
  top_p: 0.9,
  top_k: 20,
  min_p: 0.1,
  frequency_penalty: 0.1,
  presence_penalty: 0.1,
  repetition_penalty: 1.1,
  seed: 5,
  logit_bias: { 5: -10 },
  max_tokens: 1,
  min_tokens: 0,
  stop: ['x'],
  n: 1,
  stream: false,
}
const conversation = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', name: 'ann', content: [{ type: 'text', text: 'Weather in Oslo?' }] },
  { role: 'assistant', content: '', tool_calls: [call] },
  { role: 'tool', tool_call_id: 'aB3dE6gH9', content: 'sunny' },
  { role: 'user', content: 'Thanks.' },
]
const schema = { type: 'json_schema', json_schema: { name: 'n', schema: parameters, strict: true } }

/** A right request of every route that takes a body. */
const right: readonly (readonly [path: string, body: object])[] = [
  ['/v1/chat/completions', { messages: conversation, ...sampling }],
  [
    '/v1/chat/completions',
    {
      messages: conversation.slice(0, 2),
      tools,
      tool_choice: 'auto',
      ...sampling,
      stream: true,
      stream_options: { include_usage: true },
    },
  ],
  [
    '/v1/chat/completions',
    { messages: conversation.slice(1, 2), response_format: schema, logprobs: true, top_logprobs: 2, ...sampling },
  ],
  ['/v1/completions', { prompt: ['a b', 'c'], logprobs: 1, echo: true, ...sampling }],
  ['/v1/completions', { prompt: [1, 2, 3], ...sampling, stream: true }],
  ['/v1/fim/completions', { prompt: 'def f(', suffix: 'return 1', max_tokens: 1 }],
  ['/infill', { input_prefix: 'a', input_suffix: 'b', input_extra: [{ filename: 'x', text: 'y' }], n_predict: 1 }],
  ['/v1/embeddings', { input: ['a', 'b'], encoding_format: 'base64', dimensions: 8 }],
  ['/v1/rerank', { query: 'q', documents: ['a', 'b'], top_n: 1 }],
  ['/v1/responses', { input: 'hello', instructions: 'Be brief.', max_output_tokens: 16, store: false }],
  [
    '/v1/responses',
    { input: [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }] }], max_output_tokens: 16, stream: true },
  ],
  ['/v1/responses/input_tokens', { input: 'hello' }],
  ['/tokenize', { prompt: 'hello', return_token_strs: true }],
  ['/tokenize', { messages: conversation }],
  ['/detokenize', { tokens: [1, 2, 3] }],
]

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const nasty: readonly Json[] = [
  null,
  true,
  -1,
  0,
  0.5,
  1e300,
  -1e300,
  2 ** 53,
  2 ** 31,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '<|im_end|>',
  '[INST]',
  'x'.repeat(3000),
  [],
  {},
  [[]],
  [null],
  { type: 'text' },
  { '': '' },
]

/** Where to strike, how, and with what. */
const strike = fc.record({
  where: fc.nat(),
  how: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'rename', 'wrap', 'repeat'),
  value: fc.oneof(fc.constantFrom(...nasty), fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>),
})

/** Requests for a model of that name. */
export function hostileRequests(model: string): fc.Arbitrary<HostileRequest> {
  const base = fc.constantFrom(...right).map(([path, body]) => ({ path, body: { model, ...body } as Json }))
  const struck = fc
    .tuple(base, fc.array(strike, { minLength: 1, maxLength: 3 }))
    .map(([{ path, body }, strikes]) => jsonRequest(path, strikes.reduce(apply, structuredClone(body))))
  const broken = fc
    .tuple(base, fc.nat(), fc.uint8Array({ minLength: 0, maxLength: 3 }))
    .map(([{ path, body }, at, bytes]) => {
      const text = Buffer.from(JSON.stringify(body))
      const cut = at % text.length
      return { path, body: Buffer.concat([text.subarray(0, cut), bytes, text.subarray(cut + 1)]), headers: json }
    })
  const random = fc
    .tuple(base, fc.oneof(fc.string(), fc.json(), fc.uint8Array({ maxLength: 64 })))
    .map(([{ path }, body]) => ({ path, body: Buffer.from(body as string), headers: json }))
  const deep = fc
    .tuple(base, fc.integer({ min: 1, max: 20_000 }), fc.constantFrom('[', '{"a":'))
    .map(([{ path }, depth, opening]) => ({ path, body: Buffer.from(opening.repeat(depth)), headers: json }))
  const headers = fc
    .tuple(
      base,
      fc.constantFrom('text/plain', 'application/xml', 'multipart/form-data', 'application/json; charset=utf-7', ''),
      fc.boolean(),
    )
    .map(([{ path, body }, type, zipped]) => ({
      path,
      body: Buffer.from(JSON.stringify(body)),
      headers: { 'content-type': type, ...(zipped && { 'content-encoding': 'gzip' }) },
    }))
  return fc.oneof(
    { weight: 14, arbitrary: struck },
    { weight: 3, arbitrary: broken },
    { weight: 1, arbitrary: random },
    { weight: 1, arbitrary: deep },
    { weight: 1, arbitrary: headers },
  )
}

const json = { 'content-type': 'application/json' }

function jsonRequest(path: string, body: Json): HostileRequest {
  return { path, body: Buffer.from(JSON.stringify(body)), headers: json }
}

interface Place {
  readonly parent: Json[] | { [key: string]: Json }
  readonly key: string | number
}

/** Every place in a value, the model's name excepted: a wrong one would hide all other faults. */
function placesOf(value: Json, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return found
  const entries = Array.isArray(value) ? value.map((child, index) => [index, child] as const) : Object.entries(value)
  for (const [key, child] of entries) {
    if (key === 'model') continue
    found.push({ parent: value, key })
    placesOf(child, found)
  }
  return found
}

function apply(body: Json, { where, how, value: template }: { where: number; how: string; value: Json }): Json {
  // A copy: a later strike may land inside it.
  const value = structuredClone(template)
  const places = placesOf(body)
  const place = places[where % Math.max(1, places.length)]
  if (place === undefined) return value
  // Arrays and objects are both written by key here.
  const parent = place.parent as { [key: string]: Json }
  const key = String(place.key)
  const old = parent[key] ?? null
  if (how === 'replace') parent[key] = value
  else if (how === 'wrap') parent[key] = [old]
  else if (how === 'repeat') parent[key] = Array.from({ length: 40 }, () => structuredClone(old))
  else if (Array.isArray(place.parent)) place.parent.splice(Number(key), 1)
  else {
    delete parent[key]
    if (how === 'rename') parent[`${key}_`] = old
  }
  return body
}
