// The models that Galerne knows by name, and how a name becomes one file of weights. The models themselves are in catalogue-*.ts.

import { fillInModels } from './catalogue-code.ts'
import { embeddingModels } from './catalogue-embedding.ts'
import { mistralModels } from './catalogue-mistral.ts'
import { mixtureModels } from './catalogue-mixtures.ts'
import type { CatalogueModel, ModelSource } from './catalogue-schema.ts'
import { smallModels } from './catalogue-small.ts'

/** One file of weights that has a name: a model in one quantisation, as `pull` wants it. */
export interface CatalogueEntry {
  /** `mistral-7b-instruct-v0.3`, or with its quantisation: `mistral-7b-instruct-v0.3:q8_0`. */
  readonly name: string
  readonly aliases: readonly string[]
  readonly title: string
  /** SPDX expression, or the name of the terms. */
  readonly licence: string
  readonly licenceUrl?: string | undefined
  /** What the licence does not allow, a sentence each: say it before the download. */
  readonly forbids?: readonly string[]
  readonly task: CatalogueModel['task']
  /** GGUF's `general.architecture`. */
  readonly architecture: string
  /** Tokens it was trained for. */
  readonly contextLength: number
  readonly quantisation?: string
  /** Name of the file on disk; of a model in several files the first one, `…-00001-of-00003.gguf`. */
  readonly file: string
  /** Exact size of all its files, where it is known. */
  readonly bytes?: number | undefined
  readonly sha256?: string | undefined
  /** Tried in order; the next one is taken where one fails. */
  readonly sources: readonly ModelSource[]
}

/** Every model known by name; the first is the one that `serve` takes without a setting. */
export const catalogueModels: readonly CatalogueModel[] = [
  ...smallModels,
  ...mistralModels,
  ...mixtureModels,
  ...fillInModels,
  ...embeddingModels,
]

/** Every file known by name. */
export const catalogue: readonly CatalogueEntry[] = entriesOf(catalogueModels)

/** The files of models: the first quantisation answers to the bare name, each to `name:quantisation`. */
export function entriesOf(models: readonly CatalogueModel[]): readonly CatalogueEntry[] {
  return models.flatMap((model) =>
    model.files.map((file, place) => {
      const tag = `:${file.quantisation.toLowerCase()}`
      const tagged = [model.name, ...model.aliases].map((name) => `${name}${tag}`)
      const [name = model.name, ...others] = place === 0 ? [model.name, ...model.aliases, ...tagged] : tagged
      return {
        name,
        aliases: others,
        title: `${model.title}, ${file.quantisation}`,
        licence: model.licence.name,
        licenceUrl: model.licence.url,
        forbids: model.licence.forbids,
        task: model.task,
        architecture: model.architecture,
        contextLength: model.contextLength,
        quantisation: file.quantisation,
        file: file.file,
        bytes: file.bytes,
        sha256: file.sha256,
        sources: file.sources,
      }
    }),
  )
}

/** The entry with this name or alias, in any case of letters. */
export function findInCatalogue(
  name: string,
  entries: readonly CatalogueEntry[] = catalogue,
): CatalogueEntry | undefined {
  const wanted = name.toLowerCase()
  return entries.find((entry) => entry.name === wanted || entry.aliases.includes(wanted))
}

/** The model that a name, an alias, or either with `:quantisation` means, in any case of letters. */
export function findModel(
  name: string,
  models: readonly CatalogueModel[] = catalogueModels,
): { readonly model: CatalogueModel; readonly quantisation: string | undefined } | undefined {
  const [wanted = '', quantisation] = name.toLowerCase().split(':')
  const model = models.find((one) => one.name === wanted || one.aliases.includes(wanted))
  return model === undefined ? undefined : { model, quantisation: quantisation?.toUpperCase() }
}
