// Each term of a plan as a formula with its numbers in it, for people who want to check it by hand. Pure.

import type { Fit } from '../../engine/plan-fit.ts'
import { driverBytes } from '../../engine/plan-fit.ts'
import { kvBytesPerToken, margin, overheadBytes, padCells } from '../../engine/plan-memory.ts'
import type { LayerShape } from '../../engine/plan-shape.ts'

/** The terms. */
export type Formulas = Readonly<Record<'weights' | 'kv' | 'compute' | 'output' | 'overhead' | 'margin', string>>

/** `weights` says where the weights' bytes come from: a header, or the quantisation's mix. */
export function formulasOf(fit: Fit, weights: string): Formulas {
  const { shape, use, devices } = fit
  const gpus = devices.filter(({ kind }) => kind === 'gpu').length
  return {
    weights,
    kv: kvFormula(fit),
    compute: computeFormula(fit),
    output: `${Math.max(use.outputs, use.streams)} rows × ${shape.vocabulary} tokens × 4 bytes`,
    overhead: `output + ${overheadBytes / 2 ** 20} MiB for Node, the libraries and tables (measured)${
      gpus > 0 ? ` + ${driverBytes / 2 ** 20} MiB of the driver on each GPU used (assumed, not measured)` : ''
    }`,
    margin: `${100 * margin} % of what is free on each device`,
  }
}

function kvFormula({ shape, use }: Fit): string {
  if (!shape.causal) return 'nothing is kept: it attends in both directions'
  const typeBytes = use.kvType === 'f16' ? '2 bytes' : '34/32 bytes'
  const cells = padCells(use.contextLength)
  const groups = groupLayers(shape.layers).map(({ layer, count }) => {
    const kept = layer.windowed
      ? `min(${cells}, ${padCells(shape.window + use.microBatchSize)}) cells`
      : `${cells} cells`
    if (layer.keyFloats + layer.valueFloats === 0)
      return `${count} layers × ${layer.stateBytes} bytes of state, whatever the context`
    const state = layer.stateBytes > 0 ? ` + ${count} layers × ${layer.stateBytes} bytes of state` : ''
    return `${count} layers × (${layer.keyFloats} + ${layer.valueFloats}) floats × ${typeBytes} × ${kept}${state}`
  })
  const perToken = kvBytesPerToken(shape, use.kvType)
  const inTokens = perToken > 0 ? `; ${perToken / 1024} KiB a token` : ''
  return `${use.streams === 1 ? 'one user' : `${use.streams} users`} × (${groups.join(' + ')})${inTokens}`
}

/** Layers that keep the same, in the order they first appear. */
function groupLayers(layers: readonly LayerShape[]): readonly { readonly layer: LayerShape; readonly count: number }[] {
  const groups = new Map<string, { layer: LayerShape; count: number }>()
  for (const layer of layers) {
    const key = JSON.stringify(layer)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { layer, count: 1 })
    else group.count += 1
  }
  return [...groups.values()]
}

function computeFormula({ shape, use, devices }: Fit): string {
  const rows = use.microBatchSize
  const mask = shape.causal ? `${padCells(use.contextLength)} cells` : `${rows} rows`
  const layer = `4 bytes × ${rows} rows × ${shape.rowFloats} floats + 2 bytes × ${rows} rows × ${mask}`
  const head = `4 bytes × ${Math.min(use.outputs, rows)} outputs × ${shape.vocabulary} tokens`
  const used = devices.filter(({ kind, layers }) => kind === 'gpu' && layers > 0).length
  const each = used > 1 ? `, on each of ${used} GPUs` : ''
  return shape.causal ? `the larger of ${layer}, and ${head} (and its inputs)${each}` : layer
}
