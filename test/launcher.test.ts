// The launcher on whatever older Node this machine has, as a stranger with Node 20 meets it.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, test } from 'node:test'

const root = dirname(import.meta.dirname)
const folder = mkdtempSync(join(tmpdir(), 'galerne-launch-'))
after(() => rmSync(folder, { recursive: true }))

/** A Node below 24 on the PATH outside of this project's own; undefined where there is none. */
const older = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((path) => path !== '' && !path.includes('node_modules'))
  .map((path) => join(path, 'node'))
  .find((path) => {
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
    return /^v(1\d|2[0-3])\./.test(stdout ?? '')
  })
const skip = older === undefined ? 'this machine has no Node older than 24' : false
const launcher = join(root, 'bin/node24.js')

function script(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

test('an older Node hands over to Node 24 with the same arguments, input and exit code', { skip }, () => {
  const path = script(
    'report.ts',
    `const seen: string[] = process.argv.slice(2)
for await (const chunk of process.stdin) seen.push(String(chunk))
console.log(JSON.stringify({ major: Number(process.versions.node.split('.')[0]), seen }))
process.exit(7)`,
  )
  const result = spawnSync(older ?? '', [launcher, path, '--flag', 'a b'], { encoding: 'utf8', input: 'typed' })
  const report = JSON.parse(result.stdout) as { major: number; seen: string[] }
  assert.ok(report.major >= 24)
  assert.deepEqual(report.seen, ['--flag', 'a b', 'typed'])
  assert.equal(result.status, 7)
})

test('signals reach the script, and the way it ended comes back', { skip }, async () => {
  const path = script(
    'wait.ts',
    `process.once('SIGTERM', () => { console.log('asked to end'); process.exit(3) })
setInterval(() => {}, 1000)
console.log('ready')`,
  )
  const child = spawn(older ?? '', [launcher, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
    if (text.includes('ready')) child.kill('SIGTERM')
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  assert.equal(code, 3)
  assert.match(printed, /asked to end/)
})

test('a script that a signal ends, ends the launcher by the same signal', { skip }, () => {
  const path = script('die.ts', `process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)`)
  const result = spawnSync(older ?? '', [launcher, path])
  assert.equal(result.signal, 'SIGKILL')
})

test('without a Node 24 anywhere the message says what to do', { skip }, () => {
  const bin = join(folder, 'elsewhere/bin')
  mkdirSync(bin, { recursive: true })
  for (const name of ['launch.js', 'node24.js']) copyFileSync(join(root, 'bin', name), join(bin, name))
  writeFileSync(join(folder, 'elsewhere/package.json'), '{"type":"module"}')
  const result = spawnSync(older ?? '', [join(bin, 'node24.js'), 'any.ts'], { encoding: 'utf8' })
  assert.equal(result.status, 1)
  assert.match(result.stderr, /runs on Node 24 or newer.*\nRun "npm ci"/)
})

test('a new enough Node runs the script in place', () => {
  const path = script(
    'place.ts',
    `console.log(JSON.stringify({ arguments: process.argv.slice(2), parent: process.ppid }))`,
  )
  const result = spawnSync(process.execPath, [launcher, path, 'x'], { encoding: 'utf8' })
  assert.deepEqual(JSON.parse(result.stdout), { arguments: ['x'], parent: process.pid })
})
