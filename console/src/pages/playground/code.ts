// The same request as code: curl, and both vendors' clients in Python and TypeScript. Pure text.

/** The languages that a request can be shown in. */
export const codeKinds = [
  'curl',
  'Python (openai)',
  'Python (mistralai)',
  'TypeScript (openai)',
  'TypeScript (mistralai)',
] as const

/** One of them. */
export type CodeKind = (typeof codeKinds)[number]

type Body = Readonly<Record<string, unknown>>

/** Code that sends the body to the server at `origin`, with the key in the variable GALERNE_API_KEY. */
export function codeFor(kind: CodeKind, origin: string, body: Body): string {
  switch (kind) {
    case 'curl':
      return curl(origin, body)
    case 'Python (openai)':
      return python({
        imports: ['from openai import OpenAI'],
        client: `OpenAI(base_url="${origin}/v1", `,
        method: 'client.chat.completions.create',
        body: asOpenai(body, 'extra_body'),
      })
    case 'Python (mistralai)':
      return python({
        imports: ['from mistralai.client import Mistral  # 1.x: from mistralai import Mistral', ...missing(body, '#')],
        client: `Mistral(server_url="${origin}", `,
        method: 'client.chat.complete',
        body: asMistral(body),
      })
    case 'TypeScript (openai)':
      return script({
        imports: ["import OpenAI from 'openai'"],
        client: `OpenAI({ baseURL: '${origin}/v1', `,
        method: 'client.chat.completions.create',
        body: asOpenai(body, '...'),
      })
    case 'TypeScript (mistralai)':
      return script({
        imports: ["import { Mistral } from '@mistralai/mistralai'", ...missing(body, '//')],
        client: `Mistral({ serverURL: '${origin}', `,
        method: 'client.chat.complete',
        body: camel(asMistral(body)) as Body,
      })
  }
}

/** What a program is made of. */
interface Program {
  readonly imports: readonly string[]
  /** The client's name and its address, up to its key. */
  readonly client: string
  readonly method: string
  readonly body: Body
}

/** What answers: a text, or the calls that a model wants. */
const shownOf = ({ tools }: Body) => (tools === undefined ? 'message.content' : 'message')

/** OpenAI's clients know no stored prompts: such a field goes along beside their own. */
function asOpenai({ prompt, ...body }: Body, beside: string): Body {
  return prompt === undefined ? body : { ...body, [beside]: { prompt } }
}

/** Mistral's clients send no field that they do not know. */
function missing({ prompt }: Body, comment: string): readonly string[] {
  if (prompt === undefined) return []
  return [
    `${comment} This client cannot name a stored prompt: give its text as the system message, or use another client.`,
  ]
}

function curl(origin: string, body: Body): string {
  const json = JSON.stringify(body, null, 2).replaceAll("'", `'\\''`)
  return [
    `curl ${origin}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer $GALERNE_API_KEY" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${json}'`,
  ].join('\n')
}

function python({ imports, client, method, body }: Program): string {
  const fields = Object.entries(body).map(([field, value]) => `    ${field}=${pythonValue(value)},`)
  return [
    'import os',
    ...imports,
    '',
    `client = ${client}api_key=os.environ["GALERNE_API_KEY"])`,
    `answer = ${method}(`,
    ...fields,
    ')',
    `print(answer.choices[0].${shownOf(body)})`,
  ].join('\n')
}

function pythonValue(value: unknown): string {
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (value === null) return 'None'
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(', ')}]`
  if (typeof value === 'object') {
    const pairs = Object.entries(value as object).map(
      ([name, inner]) => `${JSON.stringify(name)}: ${pythonValue(inner)}`,
    )
    return `{${pairs.join(', ')}}`
  }
  return JSON.stringify(value)
}

function script({ imports, client, method, body }: Program): string {
  const json = JSON.stringify(body, null, 2)
    .replace(/^(\s*)"(\w+)":/gm, '$1$2:')
    .replace(/^(\s*)"\.\.\.": /gm, '$1...')
  return [
    ...imports,
    '',
    `const client = new ${client}apiKey: process.env.GALERNE_API_KEY })`,
    `const answer = await ${method}(${json})`,
    `console.log(${shownOf(body) === 'message' ? 'JSON.stringify(answer.choices[0]?.message, null, 2)' : 'answer.choices[0]?.message?.content'})`,
  ].join('\n')
}

/** Mistral's clients call the seed otherwise and know neither log-probabilities nor stored prompts. */
function asMistral({ seed, logprobs: _, top_logprobs: __, prompt: ___, ...body }: Body): Body {
  return seed === undefined ? body : { ...body, random_seed: seed }
}

/** Mistral's TypeScript client writes fields in camelCase, all the way down but for what is the user's own JSON. */
function camel(value: unknown, own = false): unknown {
  if (Array.isArray(value)) return value.map((item) => camel(item, own))
  if (typeof value !== 'object' || value === null || own) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (name === 'schema') return ['schemaDefinition', inner]
      return [
        name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        camel(inner, name === 'parameters'),
      ]
    }),
  )
}
