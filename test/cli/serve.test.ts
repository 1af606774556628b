// `galerne serve` as a stranger meets it: what the first start prints works when pasted, and what is wrong is said plainly.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startHub, weightsLike } from '../support/hub.ts'
import { starterModel } from '../support/weights.ts'

const root = join(import.meta.dirname, '../..')
const command = join(root, 'bin/galerne.js')
const python = join(root, '.cache/python/openai-3/bin/python')
const folder = mkdtempSync(join(tmpdir(), 'galerne-serve-'))
const home = join(folder, 'home')
after(() => rmSync(folder, { recursive: true }))

interface Started {
  readonly process: ChildProcess
  readonly printed: string
}

/** Starts `galerne serve` and waits for its whole greeting. */
async function serve(flags: readonly string[]): Promise<Started> {
  const small = ['--streams', '2', '--context-length', '256']
  const child = spawn(process.execPath, [command, 'serve', '--port', '0', '--home', home, ...small, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let spoken = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (spoken += text))
  const exited = once(child, 'exit')
  const whole = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      if (printed.includes('Ctrl-C stops it')) resolve()
    })
  })
  await Promise.race([whole, exited])
  assert.equal(child.exitCode, null, `it ended: ${spoken}`)
  return { process: child, printed }
}

async function stop({ process: child }: Started): Promise<number | null> {
  const exited = once(child, 'exit') as Promise<[number | null]>
  child.kill('SIGTERM')
  return (await exited)[0]
}

/** The lines of one example: from its head to the next empty line. */
function example(printed: string, head: string): string {
  const text = printed.slice(printed.indexOf('\n', printed.indexOf(head)) + 1)
  return text.slice(0, text.indexOf('\n\n'))
}

describe('the first start', () => {
  let started: Started
  before(async () => {
    started = await serve(['--model', `starter=${await starterModel()}`])
  })
  after(async () => {
    assert.equal(await stop(started), 0)
    assert.equal(existsSync(join(home, 'address')), false)
  })

  test('prints the address, the plan and a key that it keeps for its user alone', () => {
    const address = /^Galerne listens on (http:\/\/127\.0\.0\.1:\d+)$/m.exec(started.printed)?.[1]
    assert.equal(readFileSync(join(home, 'address'), 'utf8').trim(), address)
    assert.match(started.printed, /^starter: 2 streams of 256 tokens .*\nmemory: \d+ MiB/m)
    const key = /^Key: (gal_\S{43})$/m.exec(started.printed)?.[1]
    assert.equal(readFileSync(join(home, 'key'), 'utf8').trim(), key)
    assert.equal(statSync(join(home, 'key')).mode & 0o777, 0o600)
  })

  test('the curl line works as it is pasted', () => {
    const result = spawnSync('bash', ['-c', example(started.printed, 'curl\n')], { encoding: 'utf8', timeout: 600_000 })
    const answer = JSON.parse(result.stdout) as { choices: [{ message: { content: string } }] }
    assert.ok(answer.choices[0].message.content.length > 0)
  })

  test('the six lines of TypeScript work as they are pasted', () => {
    const lines = example(started.printed, 'TypeScript, after')
    assert.equal(lines.split('\n').length, 6)
    // This repository keeps several versions of the package, so it has another name here.
    const file = join(root, 'test/cli', `.pasted-${process.pid}.ts`)
    writeFileSync(file, lines.replace("'openai'", "'openai-7'"))
    const result = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 600_000 })
    rmSync(file)
    assert.equal(result.stderr, '')
    assert.ok(result.stdout.trim().length > 0)
  })

  const skip = existsSync(python) ? false : 'the Python client is missing: bash scripts/prepare-python.sh brings it'
  test('the six lines of Python work as they are pasted', { skip }, () => {
    const lines = example(started.printed, 'Python, after')
    assert.equal(lines.split('\n').length, 6)
    const result = spawnSync(python, ['-c', lines], { encoding: 'utf8', timeout: 600_000 })
    assert.equal(result.status, 0, result.stderr)
    assert.ok(result.stdout.trim().length > 0)
  })
})

test('a later start shows no key, and its examples read the key from home', async () => {
  const model = `starter=${await starterModel()}`
  const started = await serve(['--model', model])
  const key = readFileSync(join(home, 'key'), 'utf8').trim()
  assert.ok(!started.printed.includes(key))
  const result = spawnSync('bash', ['-c', example(started.printed, 'curl\n')], { encoding: 'utf8', timeout: 600_000 })
  assert.match(result.stdout, /"chat\.completion"/)
  assert.equal(await stop(started), 0)
})

test('a port that is taken, a model that is absent, a file that is no model: told in plain lines, without a stack', async () => {
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  const { port } = blocker.address() as { port: number }
  const broken = join(folder, 'broken.gguf')
  writeFileSync(broken, 'GGUF and nothing more')
  const start = (flags: readonly string[]) => {
    const args = [command, 'serve', '--home', home, '--log-level', 'silent', ...flags]
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 600_000 })
    return { status, stderr }
  }
  const small = ['--streams', '2', '--context-length', '256']
  // Told first, whatever the model is.
  const taken = start(['--port', String(port), '--model', 'no-such-model', ...small])
  blocker.close()
  assert.deepEqual(taken, {
    status: 1,
    stderr: `Port ${port} on 127.0.0.1 is taken, perhaps by a Galerne that already runs. Stop it, or take another one: --port <number>, 0 for any free one.\n`,
  })
  const absent = start(['--port', '0', '--model', 'no-such-model'])
  assert.equal(absent.status, 2)
  assert.match(
    absent.stderr,
    /^These settings are wrong:\n {2}--model: "model" is not valid: "no-such-model" is no name of the catalogue.*\n$/,
  )
  const file = join(folder, 'absent.yaml')
  writeFileSync(file, 'port: 0\nmodel: no-such-model\n')
  assert.match(start(['--config', file]).stderr, /absent\.yaml:2: "model" is not valid/)
  assert.match(start(['--config', folder]).stderr, /galerne-.*: the file cannot be read: EISDIR/)
  const damaged = start(['--port', '0', '--model', broken])
  assert.equal(damaged.status, 1)
  assert.match(damaged.stderr, /broken.*\n$/)
  assert.doesNotMatch(damaged.stderr, /\n {4}at /)
})

test('wrong settings are refused together before anything starts, with code 2', () => {
  const environment = { ...process.env, GALERNE_STREAMS: 'many' }
  const args = [command, 'serve', '--port', '70000', '--home', home]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: environment })
  assert.deepEqual({ status, stdout }, { status: 2, stdout: '' })
  assert.equal(
    stderr,
    'These settings are wrong:\n  GALERNE_STREAMS: streams must be a whole number, not "many"\n  --port: port must be between 0 and 65535\n',
  )
})

test('a start that fails does not wait for the weights that it was fetching', { timeout: 600_000 }, async () => {
  const hub = await startHub()
  after(() => hub.close())
  hub.put('team/Tiny-GGUF', 'tiny.gguf', { content: weightsLike(4_000_000) })
  // They never come.
  hub.nextFault = () => ({ type: 'stall', after: 100_000 })
  const own = join(folder, 'fetching')
  const flags = ['--port', '0', '--home', own, '--hub-url', hub.url, '--model', 'hf:team/Tiny-GGUF:tiny.gguf']
  const child = spawn(process.execPath, [command, 'serve', ...flags, '--database-url', `sqlite:${folder}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let spoken = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (spoken += text))
  const [code] = (await once(child, 'exit')) as [number | null]
  assert.equal(code, 1, spoken)
  assert.match(spoken, /database/)
  assert.ok(hub.requests.length > 0)
})
