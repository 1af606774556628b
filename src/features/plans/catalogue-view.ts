// A model of the catalogue with what follows from its numbers: bytes of each quantisation and of a token's past. Pure.

import { headerFrom } from '../../engine/plan-header.ts'
import { kvBytesPerToken } from '../../engine/plan-memory.ts'
import { shapeOf } from '../../engine/plan-shape.ts'
import type { CatalogueModel, WeightsFile } from '../models/catalogue-schema.ts'

/** One quantisation with its bytes. */
export type ViewedFile = WeightsFile & {
  /** All tensors, computed from their shapes and types. The file is larger by its header: some 0.1 to 10 MB of vocabulary. */
  readonly weights_bytes: number
  readonly bits_per_weight: number
}

/** The whole entry, and what was computed. */
export type ViewedModel = Omit<CatalogueModel, 'files'> & {
  readonly kv_bytes_per_token: number
  /** Recurrent state of one user. */
  readonly state_bytes: number
  readonly files: readonly ViewedFile[]
}

/** Computes. */
export function viewModel(model: CatalogueModel): ViewedModel {
  const { architecture, shape: numbers, contextLength, parameters } = model
  const header = (quantisation: string, file: string) =>
    headerFrom({ architecture, numbers, contextLength, quantisation, file })
  const files = model.files.map((file) => {
    const bytes = header(file.quantisation, file.file).tensorBytes
    return { ...file, weights_bytes: bytes, bits_per_weight: Number(((8 * bytes) / parameters.total).toFixed(2)) }
  })
  const shape = shapeOf(header(model.files[0]?.quantisation ?? 'F16', model.name))
  return {
    ...model,
    kv_bytes_per_token: kvBytesPerToken(shape, 'f16'),
    state_bytes: shape.layers.reduce((sum, { stateBytes }) => sum + stateBytes, 0),
    files,
  }
}
