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
      return python('openai', 'OpenAI', `base_url="${origin}/v1"`, 'client.chat.completions.create', body)
    case 'Python (mistralai)':
      return python('mistralai', 'Mistral', `server_url="${origin}"`, 'client.chat.complete', asMistral(body))
    case 'TypeScript (openai)':
      return script('openai', 'OpenAI', `baseURL: '${origin}/v1'`, 'client.chat.completions.create', body)
    case 'TypeScript (mistralai)':
      return script(
        '@mistralai/mistralai',
        '{ Mistral }',
        `serverURL: '${origin}'`,
        'client.chat.complete',
        camel(asMistral(body)),
      )
  }
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

function python(module: string, name: string, address: string, method: string, body: Body): string {
  const fields = Object.entries(body).map(([field, value]) => `    ${field}=${pythonValue(value)},`)
  return [
    'import os',
    `from ${module} import ${name}`,
    '',
    `client = ${name}(${address}, api_key=os.environ["GALERNE_API_KEY"])`,
    `answer = ${method}(`,
    ...fields,
    ')',
    'print(answer.choices[0].message.content)',
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

function script(module: string, name: string, address: string, method: string, body: unknown): string {
  const class_ = name.replace(/[{} ]/g, '')
  const json = JSON.stringify(body, null, 2).replace(/^(\s*)"(\w+)":/gm, '$1$2:')
  return [
    `import ${name} from '${module}'`,
    '',
    `const client = new ${class_}({ ${address}, apiKey: process.env.GALERNE_API_KEY })`,
    `const answer = await ${method}(${json})`,
    'console.log(answer.choices[0].message.content)',
  ].join('\n')
}

/** Mistral's clients call the seed otherwise and know no log-probabilities. */
function asMistral({ seed, logprobs: _, top_logprobs: __, ...body }: Body): Body {
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
