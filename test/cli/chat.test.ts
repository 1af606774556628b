// `galerne chat` as a user meets it: through a pipe, as JSON, and in a terminal, against the running product with real weights.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { starterModel } from '../support/weights.ts'

const root = join(import.meta.dirname, '../..')
const command = join(root, 'bin/galerne.js')
const driver = join(root, 'test/support/pseudo_terminal.py')
const hasMappedAddresses = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ family }) => family === 'IPv6'),
)
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

/** Plays steps in a terminal. */
function play(steps: readonly object[], flags: readonly string[]) {
  const args = [driver, JSON.stringify(steps), process.execPath, command, 'chat', '--home', server.home, ...flags]
  return spawnSync('python3', args, { encoding: 'utf8', timeout: 500_000 })
}

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
  const forPrograms = chat(['--json', '--use', 'absent', 'Hello'])
  assert.deepEqual([forPrograms.status, forPrograms.stdout], [1, ''])
  assert.match(JSON.parse(forPrograms.stderr).error.message, /^There is no model "absent" here\./)
})

test('the key that home keeps goes to this machine alone', {
  skip: hasMappedAddresses ? false : 'no IPv6 here',
}, () => {
  // Another name for loopback stands for another machine: it is not among those that are known to be this one.
  const elsewhere = server.url.replace('127.0.0.1', '[::ffff:127.0.0.1]')
  const refused = chat(['--url', elsewhere, '--max-tokens', '1', 'Hello'])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /^The API key is missing/)
  assert.equal(chat(['--url', server.url, '--max-tokens', '1', 'Hello']).status, 0)
})

test('without a server the message says how to start one', () => {
  const result = spawnSync(process.execPath, [command, 'chat', '--port', '9', 'Hello'], { encoding: 'utf8' })
  assert.equal(result.status, 1)
  assert.match(result.stderr, /No Galerne server answers at http:\/\/127\.0\.0\.1:9\. Start one with "galerne serve"/)
})

test('in a terminal: figures after an answer, Ctrl-C stops the answer and not the program, lines are kept', {
  skip: hasPython ? false : 'python3 is missing',
}, () => {
  // In grey, as no story has it.
  const stopped = '\u001b[90mstopped'
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
    // The model may be done before: then it is a Ctrl-C at the prompt, and all is played again.
    { wait: [stopped, 'Ctrl-D or /exit leaves.'] },
    { wait: '> ' },
    { send: '/clear\r' },
    { wait: 'forgotten' },
    { wait: '> ' },
    { send: '\u0003' },
    { wait: 'Ctrl-D or /exit leaves.' },
    { send: '/exit\r' },
  ]
  const flags = ['--max-tokens', '1500', '--system', 'You tell long stories.']
  let result = play(steps, flags)
  for (let tries = 1; tries < 5 && !result.stdout.includes(stopped); tries += 1) result = play(steps, flags)
  assert.equal(result.status, 0, `${result.stderr}\n${result.stdout}`)
  assert.ok(result.stdout.includes(stopped), result.stdout)
  assert.match(result.stdout, /\[exit status 0\]/)
  const history = join(server.home, 'chat-history')
  assert.equal(statSync(history).mode & 0o777, 0o600)
  const lines = readFileSync(history, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as string)
  assert.deepEqual(lines.slice(0, 2), ['Say hi.', 'Write a very long story about a whale,\nwith every detail.'])
})

test('in a terminal: Ctrl-D during an answer stops it and leaves; a damaged history does no harm', {
  skip: hasPython ? false : 'python3 is missing',
}, () => {
  writeFileSync(join(server.home, 'chat-history'), 'not JSON\n{}\n')
  const story = { send: 'Count upwards from one in words, one to a line, and never stop.\r' }
  // Sent together, so that no answer can be too short for it.
  const left = play(
    [{ wait: '> ' }, { send: `${story.send}` }, { wait: 'stop.' }, { send: '\u0004' }],
    ['--no-history'],
  )
  assert.equal(left.status, 0, left.stdout)
  assert.match(left.stdout, /\[exit status 0\]/)
  assert.doesNotMatch(left.stdout, /readline/)
  const cut = play(
    [{ wait: '> ' }, { send: 'Hi.\r' }, { wait: 'cut at max-tokens' }, { send: '/exit\r' }],
    ['--max-tokens', '1'],
  )
  assert.match(cut.stdout, /\[exit status 0\]/)
})
