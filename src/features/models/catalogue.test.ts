// The catalogue keeps its own schema, and every reference a person may type means what it says or is refused with the forms there are.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { starterModel } from '../../../test/support/weights.ts'
import { knownQuantisations } from '../../engine/plan-quantise.ts'
import { knowsTensors, parameterCount, tensorsOf } from '../../engine/plan-tensors.ts'
import { catalogue, catalogueModels, findInCatalogue } from './catalogue.ts'
import { catalogueModelSchema } from './catalogue-schema.ts'
import { verify } from './download-verify.ts'
import { parseReference } from './pull-reference.ts'
import { readHubToken } from './pull-token.ts'

test('every entry keeps the schema, and no two share a name or a file', () => {
  const validate = new Ajv({ strict: false }).compile(catalogueModelSchema)
  for (const model of catalogueModels) assert.ok(validate(model), `${model.name}: ${JSON.stringify(validate.errors)}`)
  const names = catalogue.flatMap((entry) => [entry.name, ...entry.aliases])
  assert.equal(new Set(names).size, names.length)
  assert.equal(new Set(catalogue.map((entry) => entry.file)).size, catalogue.length)
})

test('the tensors of every model add up to its parameters, and every quantisation to bytes', () => {
  for (const { name, architecture, shape, parameters, files } of catalogueModels) {
    assert.ok(knowsTensors(architecture), name)
    const tensors = tensorsOf(architecture, shape)
    assert.equal(parameterCount(tensors), parameters.total, name)
    const experts = parameterCount(tensors.filter((tensor) => tensor.name.includes('_exps.')))
    const idle = experts * (1 - (shape.expertsUsed ?? 1) / (shape.experts ?? 1))
    assert.equal(parameters.total - idle, parameters.active, name)
    for (const { quantisation } of files)
      assert.ok(knownQuantisations.includes(quantisation), `${name} ${quantisation}`)
  }
})

test('the starter on this machine is the one that the catalogue describes', async (context) => {
  const path = await starterModel().catch(() => undefined)
  if (path === undefined) return context.skip('the weights are neither here nor to be had')
  const entry = findInCatalogue('SmolLM2')
  assert.ok(entry !== undefined)
  assert.equal(await verify(path, entry), entry.sha256)
})

test('references: names, paths, hub files and addresses', () => {
  const of = (reference: string) => parseReference(reference, '/models')
  assert.equal(of('SMOLLM2').name, 'smollm2-135m-instruct')
  assert.deepEqual(of('mine.gguf'), { type: 'local', name: 'mine', paths: ['/models/mine.gguf'] })
  assert.deepEqual(of('/else/where/Mine.GGUF'), { type: 'local', name: 'Mine', paths: ['/else/where/Mine.GGUF'] })
  assert.deepEqual(of('hf:a/b:c.gguf'), {
    type: 'remote',
    name: 'c',
    files: [{ sources: [{ type: 'hub', repository: 'a/b', revision: 'main', file: 'c.gguf' }], file: 'hf/a/b/c.gguf' }],
  })
  assert.deepEqual(of('https://huggingface.co/a/b/resolve/v2/sub/c.gguf?download=true'), {
    type: 'remote',
    name: 'c',
    files: [
      {
        sources: [{ type: 'hub', repository: 'a/b', revision: 'v2', file: 'sub/c.gguf' }],
        file: 'hf/a/b@v2/sub/c.gguf',
      },
    ],
  })
  const [one, two] = [of('https://one.example/m.gguf'), of('https://two.example/m.gguf')]
  assert.ok(one.type === 'remote' && two.type === 'remote' && one.files[0]?.file !== two.files[0]?.file)
})

test('a model that is known and not in that quantisation is told with those there are', () => {
  const of = (reference: string) => () => parseReference(reference, '/models')
  assert.throws(
    of('mistral-7b:q9_9'),
    /the catalogue has mistral-7b-instruct-v0\.3:Q4_K_M, .*Q8_0; others are named by their file/,
  )
  assert.throws(of('nobody:q4_0'), /"nobody:q4_0" is no name of the catalogue/)
})

test('references: repositories, quantisations, models of Ollama, and every part of a model in parts', () => {
  const of = (reference: string) => parseReference(reference, '/models')
  const [usual, chosen] = [of('hf:a/Model-7B-GGUF'), of('hf:a/Model-7B-GGUF@v2:Q8_0')]
  assert.ok(usual.type === 'repository' && chosen.type === 'repository')
  assert.deepEqual([usual.name, usual.choice.quantisation], ['Model-7B', undefined])
  assert.deepEqual([chosen.name, chosen.choice.revision, chosen.choice.quantisation], ['Model-7B-Q8_0', 'v2', 'Q8_0'])
  const ollama = of('ollama:mistral')
  assert.ok(ollama.type === 'remote')
  assert.deepEqual(ollama.files[0], {
    sources: [{ type: 'ollama', repository: 'library/mistral', tag: 'latest' }],
    file: 'ollama/library/mistral/latest.gguf',
  })
  assert.equal(of('ollama:someone/mistral:7b-q8_0').name, 'mistral-7b-q8_0')
  // Whichever part is named, the model is the same.
  assert.deepEqual(of('hf:a/b:big-00002-of-00003.gguf'), of('hf:a/b:big-00001-of-00003.gguf'))
  const parts = of('https://one.example/big-00003-of-00003.gguf?key=1')
  assert.ok(parts.type === 'remote' && parts.name === 'big')
  const urls = parts.files.flatMap(({ sources }) => sources.map((source) => (source.type === 'url' ? source.url : '')))
  assert.equal(urls[1], 'https://one.example/big-00002-of-00003.gguf?key=1')
  assert.equal(parts.files.length, 3)
  const local = of('deep/big-00001-of-00002.gguf')
  assert.ok(local.type === 'local')
  assert.deepEqual(local.paths, ['/models/deep/big-00001-of-00002.gguf', '/models/deep/big-00002-of-00002.gguf'])
})

test('what is no reference, or leads out of the folder of models, is refused', () => {
  const wrong = [
    'no-such-name',
    'hf:a',
    'hf:a/b@../..:c.gguf',
    'hf:a/b:sub/',
    'ollama:',
    'ollama:../x',
    'ollama:a/b/c',
    'hf:../..:c.gguf',
    'hf:a/..:c.gguf',
    'hf:a/b:../../c.gguf',
    'hf:a/b:c.safetensors',
    'hf:a/b:c-00001-of-09999.gguf',
    'hf:a/b:%zz.gguf',
    'https://example.org/%zz.gguf',
    'https://example.org/',
    'https://example.org/m.zip',
    'http://example.org/m.gguf',
    'https://huggingface.co/a/b/resolve/main/..%2F..%2Fc.gguf',
  ]
  for (const reference of wrong) {
    assert.throws(() => parseReference(reference, '/models'), { code: 'invalid_value', param: 'model' }, reference)
  }
})

test('a token comes from a variable or a file, and is in no message', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-token-'))
  const file = join(folder, 'token')
  await writeFile(file, 'hf_fromfile\n')
  assert.equal(await readHubToken(`file:${file}`, {}), 'hf_fromfile')
  assert.equal(await readHubToken('env:MINE', { MINE: 'hf_fromvariable' }), 'hf_fromvariable')
  for (const reference of ['hf_pasted_by_mistake', 'env:ABSENT', `file:${folder}/absent`, 'env:', 'env:BROKEN']) {
    await assert.rejects(readHubToken(reference, { BROKEN: 'hf_a b\nc' }), (error: Error) => {
      assert.doesNotMatch(error.message, /hf_/)
      return true
    })
  }
  await rm(folder, { recursive: true })
})
