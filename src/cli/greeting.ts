// What `galerne serve` prints once it runs: where, with which key, with what plan, and three ways to call it that work when pasted.
import { dim } from './terminal.ts'

/** What the greeting tells. */
export interface Greeting {
  readonly url: string
  /** The key made by this start, shown now and never again. */
  readonly newKey: string | undefined
  readonly keyFile: string
  /** Name of the model in the examples. */
  readonly model: string
  /** What was planned, as lines. */
  readonly plan: readonly string[]
}

/** The greeting's text. */
export function greeting(facts: Greeting): string {
  return [
    `Galerne listens on ${facts.url}`,
    '',
    ...facts.plan,
    '',
    keyLines(facts),
    '',
    ...examples(facts),
    dim('Ctrl-C stops it. Another terminal: npx galerne chat'),
  ].join('\n')
}

function keyLines({ newKey, keyFile }: Greeting): string {
  if (newKey === undefined) return `Key: the one in ${keyFile}`
  return `Key: ${newKey}\n${dim(`Shown this once; kept for the command line in ${keyFile}.`)}`
}

/**
 * Short and cool, because a small model at the vendors' default temperature of 1 rambles until its context is full.
 * Each works as it is pasted: the first start's key stands in it, later starts read the key file.
 */
function examples({ url, newKey, keyFile, model }: Greeting): readonly string[] {
  const shell = newKey ?? `$(cat ${quoted(keyFile)})`
  const python = newKey === undefined ? `open(${JSON.stringify(keyFile)}).read().strip()` : JSON.stringify(newKey)
  const script = newKey === undefined ? `readFileSync(${JSON.stringify(keyFile)}, 'utf8').trim()` : `'${newKey}'`
  const fileImport = newKey === undefined ? ["import { readFileSync } from 'node:fs'"] : []
  return [
    dim('curl'),
    `curl ${url}/v1/chat/completions -H "Authorization: Bearer ${shell}" -H "Content-Type: application/json" -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello!"}], "temperature": 0.2, "max_tokens": 100}'`,
    '',
    dim('Python, after: pip install openai'),
    'from openai import OpenAI',
    `client = OpenAI(base_url="${url}/v1", api_key=${python})`,
    'messages = [{"role": "user", "content": "Hello!"}]',
    `stream = client.chat.completions.create(model="${model}", messages=messages, temperature=0.2, max_tokens=100, stream=True)`,
    'for chunk in stream:',
    '    print(chunk.choices[0].delta.content or "", end="", flush=True)',
    '',
    dim('TypeScript, after: npm install openai'),
    "import OpenAI from 'openai'",
    ...fileImport,
    `const client = new OpenAI({ baseURL: '${url}/v1', apiKey: ${script} })`,
    "const messages = [{ role: 'user' as const, content: 'Hello!' }]",
    `const stream = await client.chat.completions.create({ model: '${model}', messages, temperature: 0.2, max_tokens: 100, stream: true })`,
    "for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '')",
    ...(fileImport.length === 0 ? ["process.stdout.write('\\n')"] : []),
    '',
  ]
}

/** For a shell: a path without blanks stays as it is. */
function quoted(path: string): string {
  return /^[\w./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
