// The data folder on real file systems, /proc among them.
import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeHome } from './home.ts'

test('makes what is missing, for its owner alone, and leaves what is there', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-home-'))
  t.after(() => rm(folder, { recursive: true }))
  const home = join(folder, 'a', 'b')
  await makeHome(home)
  await makeHome(home)
  assert.equal((await stat(home)).mode & 0o777, 0o700)
})

test('many may make the same folder at once', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-home-'))
  t.after(() => rm(folder, { recursive: true }))
  await Promise.all(Array.from({ length: 20 }, () => makeHome(join(folder, 'a', 'b', 'c'))))
})

test('a file in the way is said so', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-home-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'file'), '')
  await assert.rejects(makeHome(join(folder, 'file')), { code: 'EEXIST' })
  await assert.rejects(makeHome(join(folder, 'file', 'below')), { code: 'ENOTDIR' })
})

test('a file system that makes no folders ends the attempt', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, async () => {
  await assert.rejects(makeHome('/proc/galerne'), { code: 'ENOENT' })
  await assert.rejects(makeHome('/proc/galerne/below'), { code: 'ENOENT' })
})
