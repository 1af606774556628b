// `galerne chat` as a user meets it: through a pipe, as JSON, and in a terminal, against the running product with real weights.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { starterModel } from '../support/weights.ts'

const root = join(import.meta.dirname, '../..')
const command = join(root, 'bin/galerne.js')
const driver = join(root, 'test/support/pseudo_terminal.py')
const hasPython = spawnSync('python3', ['--version']).status === 0

let server: RunningProduct

before(async () => {
  server = await startProduct([
    '--model',
    `starter=${await starterModel()}`,
    '--streams',
    '2',
    '--context-length',
    '2048',
  ])
})
after(() => server.stop())

function chat(args: readonly string[], input?: string) {
  const options = { encoding: 'utf8', timeout: 240_000, ...(input !== undefined && { input }) } as const
  // Neither address nor key is given: both come from home, as on a user's machine.
  return spawnSync(process.execPath, [command, 'chat', '--home', server.home, ...args], options)
}

test('a pipe in, the answer out, and nothing else on standard output', () => {
  const result = chat(['--max-tokens', '12', '--temperature', '0'], 'What is the capital of France?\n')
  assert.equal(result.status, 0, result.stderr)
  assert.ok(result.stdout.trim().length > 0)
  assert.equal(result.stderr, '')
})

test('a message as an argument and text in the pipe are one message; --json gives figures', () => {
  const result = chat(['--json', '--max-tokens', '8', '--temperature', '0', 'Repeat', 'this:'], 'hello')
  const answer = JSON.parse(result.stdout) as Record<string, unknown>
  assert.equal(answer['model'], 'starter')
  assert.ok(Number(answer['completionTokens']) <= 8)
  assert.ok(Number(answer['promptTokens']) > 4)
  assert.ok(['stop', 'length'].includes(String(answer['finishReason'])))
  assert.equal(typeof answer['text'], 'string')
})

test('an error of the server is told in its own words', () => {
  const result = chat(['--use', 'absent', 'Hello'])
  assert.equal(result.status, 1)
  assert.match(result.stderr, /^There is no model "absent" here\./)
})

test('without a server the message says how to start one', () => {
  const result = spawnSync(process.execPath, [command, 'chat', '--port', '9', 'Hello'], { encoding: 'utf8' })
  assert.equal(result.status, 1)
  assert.match(result.stderr, /No Galerne server answers at http:\/\/127\.0\.0\.1:9\. Start one with "galerne serve"/)
})

test('in a terminal: figures after an answer, Ctrl-C stops the answer and not the program, lines are kept', {
  skip: hasPython ? false : 'python3 is missing',
}, () => {
  const steps = [
    { wait: '> ' },
    { send: 'Say hi.\r' },
    { wait: 'tokens/s' },
    { wait: '> ' },
    // Continued by a backslash: one message of two lines.
    { send: 'Write a very long story about a whale,\\\r' },
    { wait: '… ' },
    { send: 'with every detail.\r' },
    { more: 80 },
    { send: '\u0003' },
    { wait: 'stopped' },
    { wait: '> ' },
    { send: '/clear\r' },
    { wait: 'forgotten' },
    { wait: '> ' },
    { send: '\u0003' },
    { wait: 'Ctrl-D or /exit leaves.' },
    { send: '/exit\r' },
  ]
  const flags = ['--home', server.home, '--max-tokens', '1500', '--system', 'Answer in five words.']
  const result = spawnSync('python3', [driver, JSON.stringify(steps), process.execPath, command, 'chat', ...flags], {
    encoding: 'utf8',
    timeout: 500_000,
  })
  assert.equal(result.status, 0, `${result.stderr}\n${result.stdout}`)
  assert.match(result.stdout, /\[exit status 0\]/)
  const history = join(server.home, 'chat-history')
  assert.equal(statSync(history).mode & 0o777, 0o600)
  const lines = readFileSync(history, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as string)
  assert.deepEqual(lines.slice(0, 2), ['Say hi.', 'Write a very long story about a whale,\nwith every detail.'])
})
