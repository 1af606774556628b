// The user's own catalogue: their models have names in every command, ours give way, and a fault is said with its place.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { catalogueModels, entriesOf, findInCatalogue, findModel } from './catalogue.ts'
import { loadCatalogue } from './catalogue-own.ts'
import { parseReference } from './pull-reference.ts'

let home = ''
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'galerne-catalogue-'))
})
after(() => rm(home, { recursive: true }))

const ours = catalogueModels.find(({ name }) => name === 'mistral-7b-instruct-v0.3')
const write = (models: unknown) => writeFile(join(home, 'catalogue.yaml'), stringify(models))

test('without a file it is ours', async () => {
  assert.deepEqual(await loadCatalogue(home), catalogueModels)
})

test('a model of the user has a name like ours, with its quantisations; one of ours with that name gives way', async () => {
  const files = ours?.files.map((file) => ({
    ...file,
    sources: [{ type: 'hub', repository: 'team/tuned-GGUF', revision: 'main', file: file.file }],
  }))
  await write([
    { ...ours, name: 'tuned', aliases: ['support'], title: 'Tuned for support', files },
    { ...ours, title: 'Replaced' },
  ])
  const models = await loadCatalogue(home)
  assert.equal(models.length, catalogueModels.length + 1)
  assert.equal(findModel('Support:q8_0', models)?.model.name, 'tuned')
  assert.equal(findModel('mistral-7b', models)?.model.title, 'Replaced')
  assert.equal(findModel('mistral-7b-instruct-v0.3', models)?.model.title, 'Replaced')
  const entries = entriesOf(models)
  assert.equal(findInCatalogue('tuned:q6_k', entries)?.quantisation, 'Q6_K')
  const parsed = parseReference('support', '/', entries)
  assert.ok(parsed.type === 'remote')
  assert.deepEqual(parsed.files[0]?.sources[0], { ...files?.[0]?.sources[0] })
})

test('what is wrong is said with the file, the model and the field', async () => {
  for (const [content, expected] of [
    ['a: 1', /must be a list/],
    ['[', /catalogue\.yaml/],
    [stringify([{ ...ours, contextLength: 0 }]), /"0\.contextLength" must be >= 1/],
    [stringify([ours, { ...ours, licence: 'MIT' }]), /"1\.licence" must be object/],
    [stringify([{ ...ours, contextlength: 5 }]), /"0\.contextlength" is no field of it/],
  ] as const) {
    await writeFile(join(home, 'catalogue.yaml'), content)
    await assert.rejects(loadCatalogue(home), { code: 'invalid_value', message: expected })
  }
  await writeFile(join(home, 'catalogue.yaml'), '')
  assert.equal((await loadCatalogue(home)).length, catalogueModels.length)
})
