// What comes behind a model's name: `base+adapter`, with a weight `base+a:0.5`, and several `base+a:0.5+b`. Pure.

import { fail } from '../../base/errors.ts'
import type { AdapterUse } from '../../wire/model.ts'

/** A name taken apart. */
export interface AdaptedName {
  readonly model: string
  readonly adapters: readonly AdapterUse[]
}

/** Names of adapters. */
export const adapterNamePattern = /^[A-Za-z0-9][\w.-]{0,63}$/
/** Weights beyond this give noise. */
const largestScale = 10
/** Adapters in one call. */
const mostAdapters = 8

/** Takes `base+a:0.5+b` apart; undefined for a name without adapters. Throws `invalid_value` for a weight that is none. */
export function splitAdapters(name: string): AdaptedName | undefined {
  const [model = '', ...parts] = name.split('+')
  if (parts.length === 0 || model === '') return undefined
  const wrong = (reason: string) => fail('invalid_value', { param: 'model', reason })
  if (parts.length > mostAdapters) throw wrong(`it names ${parts.length} adapters, and ${mostAdapters} is the limit`)
  const adapters = parts.map((part) => {
    const [adapter = '', weight, ...rest] = part.split(':')
    const scale = weight === undefined ? 1 : parseScale(weight)
    if (!adapterNamePattern.test(adapter) || rest.length > 0 || scale === undefined) {
      throw wrong(
        `write adapters as model+name or model+name:0.5, with a weight of -10 to 10, not "+${part.slice(0, 80)}"`,
      )
    }
    return { name: adapter, scale }
  })
  const twice = adapters.find(({ name: one }, place) => adapters.findIndex((other) => other.name === one) < place)
  if (twice !== undefined) throw wrong(`it names the adapter "${twice.name}" twice`)
  return { model, adapters }
}

function parseScale(text: string): number | undefined {
  const value = /^-?\d{1,3}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  return Math.abs(value) <= largestScale ? value : undefined
}
