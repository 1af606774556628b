// A model goes into an archive and comes out of it on another machine as a pull would have brought it; a broken archive leaves nothing.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { create } from 'tar'
import { sha256, weightsLike } from '../../../test/support/hub.ts'
import { pullFromHub } from '../../../test/support/pulls.ts'
import { exportModel } from './archive-export.ts'
import { importModel } from './archive-import.ts'
import type { ArchiveManifest } from './archive-manifest.ts'
import { digestOf, pull } from './pull.ts'

const parts = [1, 2].map((part) => weightsLike(part * 1_300_000, `part ${part}`))
const reference = 'hf:team/Big-GGUF:big-00001-of-00002.gguf'
const pulling = pullFromHub((hub) => {
  for (const [index, content] of parts.entries()) {
    hub.put('team/Big-GGUF', `big-0000${index + 1}-of-00002.gguf`, { content })
  }
})
const options = (home: string) => pulling.options(home)
const place = (...names: readonly string[]) => join(pulling.folder, ...names)

async function exported(): Promise<{ archive: string; manifest: ArchiveManifest }> {
  const model = await pull(reference, options('one'))
  const archive = place('big.galerne.tar')
  return { archive, manifest: await exportModel(model, { archive, home: place('one'), reference }) }
}

test('what was exported is imported where a pull puts it, and needs no network', async () => {
  const { archive, manifest } = await exported()
  assert.deepEqual(
    manifest.files.map(({ sha256: hash }) => hash),
    parts.map(sha256),
  )
  // Any tar reads it.
  const listed = execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).trim().split('\n')
  assert.deepEqual(listed, ['galerne-model.json', ...manifest.files.map(({ file }) => file)])
  const seen: number[] = []
  const imported = await importModel(archive, place('two'), (done) => seen.push(done))
  assert.ok((seen.at(-1) ?? 0) > 3_900_000)
  pulling.hub.requests.length = 0
  const model = await pull(reference, options('two'))
  assert.deepEqual([model.fetched, model.path, model.sha256], [false, imported.path, manifest.digest])
  assert.equal(pulling.hub.requests.length, 0)
  for (const [index, file] of model.files.entries()) {
    assert.deepEqual(await readFile(file.path), Buffer.from(parts[index] ?? []))
  }
  // Again is not wrong.
  await importModel(archive, place('two'))
  await assert.rejects(exportModel(model, { archive, home: place('two'), reference }), /is there already/)
})

test('a file of any name that systems know is carried', async () => {
  const path = place('Modèle [v2] (é).GGUF')
  await writeFile(path, weightsLike(2000))
  const [archive, model] = [place('own.tar'), await pull(path, options('one'))]
  await exportModel(model, { archive, home: place('one'), reference: path })
  const imported = await importModel(archive, place('two'))
  assert.equal(imported.path, place('two/models/imported/Modèle [v2] (é).GGUF'))
  assert.deepEqual(await readFile(imported.path), Buffer.from(weightsLike(2000)))
})

test('a file that is there and is another one stays, also where no pull brought it', async () => {
  const archive = await forged(describe('imported/mine.gguf', weights), { 'imported/mine.gguf': weights })
  const mine = place('two/models/imported/mine.gguf')
  await mkdir(place('two/models/imported'), { recursive: true })
  await writeFile(mine, weightsLike(3000))
  await assert.rejects(importModel(archive, place('two')), /is there already and is another file/)
  assert.deepEqual(await readFile(mine), Buffer.from(weightsLike(3000)))
  await writeFile(mine, weights)
  await importModel(archive, place('two'))
})

test('damaged weights are not exported', async () => {
  const model = await pull(reference, options('one'))
  const [first] = model.files
  const bytes = await readFile(first?.path ?? '')
  bytes[700_000] = (bytes[700_000] ?? 0) ^ 1
  await writeFile(first?.path ?? '', bytes)
  const archive = place('big.tar')
  await assert.rejects(exportModel(model, { archive, home: place('one'), reference }), /is damaged/)
  assert.deepEqual(
    (await readdir(place())).filter((name) => name.includes('export') || name.endsWith('.tar')),
    [],
  )
})

/** An archive made by hand, of a manifest and of files. */
async function forged(manifest: unknown, files: Record<string, Uint8Array | { link: string }>): Promise<string> {
  const staging = await mkdtemp(place('staging-'))
  await writeFile(
    join(staging, 'galerne-model.json'),
    typeof manifest === 'string' ? manifest : JSON.stringify(manifest),
  )
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(staging, name, '..'), { recursive: true })
    if (content instanceof Uint8Array) await writeFile(join(staging, name), content)
    else await symlink(content.link, join(staging, name))
  }
  const archive = `${staging}.tar`
  await create({ cwd: staging, file: archive }, ['galerne-model.json', ...Object.keys(files)])
  return archive
}

const weights = weightsLike(2000)
const describe = (file: string, content: Uint8Array, more: object = {}) => {
  const files = [{ file, bytes: content.length, sha256: sha256(content) }]
  return { format: 'galerne-model-1', name: 'm', reference: 'x', digest: digestOf(files), files, ...more }
}

test('an archive that is not what it says leaves nothing behind', async () => {
  const { archive } = await exported()
  await truncate(archive, 2_000_000)
  const other = weightsLike(2000, 'other')
  const files = [...describe('a/b.gguf', weights).files, ...describe('A/b.gguf', weights).files]
  const twice = describe('', weights, { files, digest: digestOf(files) })
  const page = Buffer.from('<!DOCTYPE html>'.padEnd(2000))
  const cases: [string, RegExp][] = [
    [archive, /cannot be read|not whole/],
    [place('absent.tar'), /there is no file/],
    [await forged('no json', {}), /manifest of the archive is not valid/],
    [await forged(describe('../outside.gguf', weights), {}), /not valid/],
    [await forged(describe('a/../../outside.gguf', weights), {}), /not valid/],
    [await forged(describe('a/b.gguf', weights), {}), /a\/b\.gguf is missing/],
    [await forged(describe('a/b.gguf', weights), { 'a/b.gguf': other }), /sha256 of a\/b\.gguf is/],
    [await forged(describe('a/b.gguf', weights, { digest: sha256(other) }), {}), /digest is not that of its files/],
    [await forged(describe('a/b.gguf', weights), { 'a/b.gguf': { link: '/etc/passwd' } }), /does not name|should have/],
    [await forged(describe('a/b.gguf', weights), { 'a/b.gguf': weights, 'c.gguf': weights }), /holds "c\.gguf"/],
    [await forged(twice, { 'a/b.gguf': weights }), /names a\/b\.gguf twice/],
    [await forged(describe('.a/b.gguf', weights), {}), /not valid/],
    [await forged(describe('C:\\\\b.gguf', weights), {}), /not valid/],
    [await forged(describe('a/b.gguf', page), { 'a/b.gguf': page }), /is not a GGUF file/],
    [
      await forged(describe('SmolLM2-135M-Instruct.Q4_1.gguf', weights), {}),
      /is smollm2-135m-instruct of the catalogue/,
    ],
  ]
  const noise = place('noise.tar')
  await writeFile(noise, weightsLike(100_000))
  cases.push([noise, /cannot be read|does not begin|empty/])
  for (const [path, message] of cases) {
    await assert.rejects(importModel(path, place('three')), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'invalid_value', `${path}: ${error.stack}`)
      assert.match(error.message, message)
      return true
    })
  }
  const left = await readdir(place('three'), { recursive: true })
  assert.deepEqual(
    left.filter((name) => name.endsWith('.gguf') || name.endsWith('.import')),
    [],
  )
  assert.deepEqual(await readdir(place()).then((names) => names.filter((name) => name.includes('outside'))), [])
})
