// The build of the server: the command runs it while the sources are those that it was made of, it has every part that is started by name,
// and it is what a package carries.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after, test } from 'node:test'
import { extract } from 'tar'
import { buildFolder } from '../bin/build-folder.js'
import { tinyLlama } from './support/gguf-models.ts'
import { byteVocabulary } from './support/gguf-vocabulary.ts'
import { startProduct } from './support/product.ts'

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

test('what npm packs is the program alone; installed, it serves a model and its console', async () => {
  const packed = spawnSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' })
  assert.equal(packed.status, 0, packed.stderr)
  const installed = join(folder, 'installed/node_modules')
  mkdirSync(join(installed, 'galerne'), { recursive: true })
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  await extract({ file: join(folder, archive), cwd: join(installed, 'galerne'), strip: 1 })
  const files = globSync('**/*', { cwd: join(installed, 'galerne') })
  assert.deepEqual(
    files.filter((path) => /(^|\/)(src|test|scripts|bench|compiled|node_modules)(\/|$)|\.tsx?$/.test(path)),
    [],
  )
  assert.equal(files.filter((path) => path.endsWith('THIRD-PARTY-LICENSES')).length, 2)
  // As npm would lay its dependencies beside it.
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(installed, name))
  }
  const model = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
  const flags = ['--model', `tiny=${model}`, '--streams', '2', '--context-length', '256']
  const product = await startProduct(flags, {}, join(installed, 'galerne/bin/galerne.js'))
  try {
    const answer = await fetch(`${product.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${product.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ model: 'tiny', max_tokens: 40, messages: [{ role: 'user', content: 'yes or no?' }] },
        response_format: {
          type: 'json_schema',
          json_schema: {
            name: 'said',
            schema: {
              type: 'object',
              properties: { yes: { type: 'boolean' } },
              required: ['yes'],
              additionalProperties: false,
            },
          },
        },
      }),
    })
    const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] }
    assert.equal(typeof JSON.parse(choices[0]?.message.content ?? '').yes, 'boolean')
    const page = await fetch(product.url, { headers: { accept: 'text/html' } })
    const [script = ''] = /\/assets\/[^"]+\.js/.exec(await page.text()) ?? []
    assert.equal((await fetch(product.url + script)).status, 200)
  } finally {
    assert.equal(await product.stop(), 0)
  }
})
