// The build of the server: the command runs it while the sources are those that it was made of, and it has every part that is started by name.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after, test } from 'node:test'
import { buildFolder } from '../bin/build-folder.js'

const root = dirname(import.meta.dirname)
const folder = mkdtempSync(join(tmpdir(), 'galerne-build-'))
after(() => rmSync(folder, { recursive: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

function run(script: string, ...args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout.trim()
}

test('the command runs a build until a source is changed, added or removed', () => {
  mkdirSync(join(folder, 'bin'))
  for (const name of ['galerne.js', 'launch.js', 'build-folder.js'])
    copyFileSync(join(root, 'bin', name), join(folder, 'bin', name))
  write('package.json', '{"type":"module"}')
  write('package-lock.json', '{}')
  write('scripts/build-server.ts', '')
  write('src/cli/galerne.ts', "console.log('the sources')")
  const command = join(folder, 'bin/galerne.js')
  const build = (name: string) =>
    write(`${relative(folder, buildFolder(folder))}/cli/galerne.js`, `console.log('${name}')`)

  assert.equal(run(command), 'the sources')
  build('a build')
  assert.equal(run(command), 'a build')
  write('src/cli/galerne.ts', "console.log('other sources')")
  assert.equal(run(command), 'other sources')
  build('a second build')
  write('src/base/new.ts', '')
  assert.equal(run(command), 'other sources')
  build('a third build')
  assert.equal(run(command), 'a third build')
  rmSync(join(folder, 'src/base/new.ts'))
  assert.equal(run(command), 'a second build')
  // A test is no part of it.
  write('src/base/new.test.ts', '')
  assert.equal(run(command), 'a second build')
})

test('the build of this checkout has every part that is started by name, and its processes find the engine', () => {
  run(join(root, 'scripts/build.ts'))
  const build = buildFolder(root)
  const sources = globSync('src/**/*.ts', { cwd: root, exclude: ['**/*.test.ts'] })
  const texts = sources.map((path) => readFileSync(join(root, path), 'utf8'))
  const parts = texts.flatMap((text) =>
    [...text.matchAll(/\bprogram(?:File|Url)\('([^']+)'\)/g)].map((call) => call[1]),
  )
  assert.ok(parts.length > 5)
  for (const part of parts) {
    assert.ok(existsSync(join(root, 'src', `${part}.ts`)), part)
    assert.ok(existsSync(join(build, `${part}.js`)), part)
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const command = join(build, 'cli/galerne.js')
  assert.match(run(command, '--version'), new RegExp(version.replaceAll('.', '\\.')))
  const findings = JSON.parse(run(command, 'doctor', '--json', '--home', join(folder, 'home'))) as object[]
  assert.match(JSON.stringify(findings), /"name":"engine","state":"ok"/)
})
