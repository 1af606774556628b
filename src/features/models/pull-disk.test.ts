// A disk that is full before or during a pull: a clear message, and what arrived is taken up when there is room.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startHub, type TestHub, weightsLike } from '../../../test/support/hub.ts'
import { createEgress } from '../../base/egress.ts'
import { sizeOf } from './download-disk.ts'
import { type PullOptions, pull } from './pull.ts'

const content = weightsLike(6_000_000)
const egress = createEgress()
let hub: TestHub
let home = ''
let mounted = false

before(async () => {
  hub = await startHub()
  hub.put('team/Tiny', 'tiny.gguf', { content })
  home = await mkdtemp(join(tmpdir(), 'galerne-small-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', home], { stdio: 'ignore' })
    mounted = true
  } catch {
    // Not root, or not Linux: each test says that it is left out.
  }
})
after(async () => {
  if (mounted) execFileSync('umount', [home])
  await rm(home, { recursive: true, force: true })
  await hub.close()
  await egress.close()
})

const options = (): PullOptions => ({ home, egress, hubUrl: hub.url, allowPrivate: true })

test('a disk that is too small is refused before the first byte, with both numbers', async (context) => {
  if (!mounted) return context.skip('a small disk cannot be mounted here: it needs root on Linux')
  await assert.rejects(pull('hf:team/Tiny:tiny.gguf', options()), (error: Error) => {
    assert.match(error.message, /is full: 6\.0 MB more are needed and [\d.]+ MB are free/)
    return true
  })
  assert.equal(await sizeOf(join(home, 'models/hf/team/Tiny/tiny.gguf.partial')), 0)
})

test('a disk that fills up during the pull ends it with the same message; with room it goes on', async (context) => {
  if (!mounted) return context.skip('a small disk cannot be mounted here: it needs root on Linux')
  hub.lengths = false
  const address = hub.plainUrl('team/Tiny', 'tiny.gguf')
  await assert.rejects(pull(address, options()), { code: 'disk_full' })
  execFileSync('mount', ['-o', 'remount,size=64m', home])
  const model = await pull(address, options())
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  assert.match(hub.requests.at(-1)?.range ?? '', /^bytes=[1-9]\d+-$/)
})
