// The user's own models by name: `catalogue.yaml` in home, in the schema of ours. One of ours with the same name gives way to it.

import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { fail } from '../../base/errors.ts'
import { catalogueModels } from './catalogue.ts'
import { type CatalogueModel, catalogueModelSchema } from './catalogue-schema.ts'

const fileName = 'catalogue.yaml'
const mostBytes = 4 * 2 ** 20

/** Ours and the user's, whose come first: a name or alias is looked up in this order. Throws `invalid_value` with the place of a fault. */
export async function loadCatalogue(home: string): Promise<readonly CatalogueModel[]> {
  const own = await readOwn(join(home, fileName))
  const names = new Set(own.map(({ name }) => name))
  return [...own, ...catalogueModels.filter(({ name }) => !names.has(name))]
}

async function readOwn(path: string): Promise<readonly CatalogueModel[]> {
  const facts = await stat(path).catch(() => undefined)
  if (facts === undefined) return []
  if (facts.size > mostBytes) throw wrong(path, `it is larger than ${mostBytes} bytes`)
  const models: unknown = await readFile(path, 'utf8')
    .then((text) => parse(text) as unknown)
    .catch((error: Error) => {
      throw wrong(path, error.message.split('\n')[0] ?? 'it cannot be read')
    })
  if (models === null) return []
  if (!Array.isArray(models)) throw wrong(path, 'it must be a list of models')
  return models.map((model: unknown, place) => checked(path, model, place))
}

function checked(path: string, model: unknown, place: number): CatalogueModel {
  if (Value.Check(catalogueModelSchema, model)) return model
  const [error] = Value.Errors(catalogueModelSchema, model)
  const where = `${place}${error?.instancePath ?? ''}`.replaceAll('/', '.')
  // A field that is not in the schema fails against the schema `false`.
  const message = error?.keyword === 'boolean' ? 'is no field of it' : (error?.message ?? 'is not valid')
  throw wrong(path, `"${where}" ${message}`)
}

const wrong = (path: string, reason: string) => fail('invalid_value', { param: fileName, reason: `${path}: ${reason}` })
