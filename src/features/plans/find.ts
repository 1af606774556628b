// Finds what is to be planned: a model of the catalogue, whose numbers are known, or a file of weights, whose header says them.

import { basename, resolve } from 'node:path'
import { fail } from '../../base/errors.ts'
import { readHeader } from '../../engine/header.ts'
import type { ModelHeader } from '../../engine/header-types.ts'
import { headerFrom } from '../../engine/plan-header.ts'
import { knownQuantisations } from '../../engine/plan-quantise.ts'
import { shapeOf } from '../../engine/plan-shape.ts'
import { catalogueModels, findModel } from '../models/catalogue.ts'
import type { CatalogueModel } from '../models/catalogue-schema.ts'
import type { PlannedModel } from './report.ts'

/** What may be given besides the name. */
export interface FindOptions {
  readonly quantisation?: string | undefined
  /** Models known by name; ours without it. */
  readonly models?: readonly CatalogueModel[]
}

/** A model by its name in the catalogue, or the path of a GGUF file. Throws `invalid_value` naming what is wrong. */
export function findPlanned(reference: string, options: FindOptions = {}): PlannedModel {
  const { models = catalogueModels } = options
  const known = findModel(reference, models)
  if (known !== undefined) return fromCatalogue(known.model, options.quantisation ?? known.quantisation)
  if (!/\.gguf$/i.test(reference))
    throw fail('invalid_value', {
      param: 'model',
      reason: `"${reference.slice(0, 200)}" is no name of the catalogue ("galerne list --catalogue" shows them) and no path of a .gguf file`,
    })
  refuseQuantisation(options.quantisation)
  return fromHeader(readHeader(resolve(reference)), basename(reference).replace(/\.gguf$/i, ''))
}

function refuseQuantisation(quantisation: string | undefined): void {
  if (quantisation === undefined) return
  const reason = 'a file has the quantisation that it has: name a model of the catalogue, or leave it out'
  throw fail('invalid_value', { param: 'quant', reason })
}

function fromCatalogue(model: CatalogueModel, wanted: string | undefined): PlannedModel {
  const quantisation = (wanted ?? model.files[0]?.quantisation ?? '').toUpperCase()
  if (!knownQuantisations.includes(quantisation))
    throw fail('invalid_value', {
      param: 'quant',
      reason: `"${quantisation}" cannot be planned; these can: ${knownQuantisations.join(', ')}`,
    })
  const { architecture, shape, contextLength, name } = model
  const file = model.files.find((one) => one.quantisation === quantisation)
  const header = headerFrom({ architecture, numbers: shape, contextLength, quantisation, file: file?.file ?? name })
  const other = file === undefined ? [`No source in the catalogue has it in ${quantisation}.`] : []
  return {
    name,
    quantisation,
    header,
    contextLength,
    weights: `${header.tensors.length} tensors: elements ÷ elements of a block × bytes of a block, in the types of llama.cpp's mix ${quantisation}`,
    notes: [...other, ...model.licence.forbids.map((text) => `${model.licence.name}: ${text}`), ...(model.notes ?? [])],
  }
}

/** A model that has a header: its file is here, or its first bytes were read. */
export function fromHeader(header: ModelHeader, name: string): PlannedModel {
  const { trainedContextLength } = shapeOf(header)
  const claimed = header.metadata.get(`${header.architecture}.context_length`)
  const corrected =
    claimed === trainedContextLength
      ? []
      : [`Its file says ${String(claimed)} tokens; it was made for ${trainedContextLength}.`]
  return {
    name,
    quantisation: commonType(header),
    header,
    contextLength: trainedContextLength,
    weights: `${header.tensors.length} tensors, as the file's header says`,
    notes: corrected,
  }
}

/** The type that most bytes of the tensors have, upper case: `Q4_K`. */
function commonType({ tensors }: ModelHeader): string {
  const bytes = new Map<string, number>()
  for (const tensor of tensors) bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes)
  const [most] = [...bytes].sort(([, one], [, other]) => other - one)
  return (most?.[0] ?? '').toUpperCase()
}
