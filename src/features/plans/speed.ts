// How fast a model can generate at best, from bytes and bandwidth, and what a million tokens then cost. Pure.

import type { Fit, PlacedDevice } from '../../engine/plan-fit.ts'
import { kvBytesPerToken } from '../../engine/plan-memory.ts'
import { stepBytes } from '../../engine/plan-weights.ts'

/** How fast memory is read, bytes a second; a kind that is not known gives no speed where layers lie there. */
export interface Bandwidth {
  readonly cpu?: number | undefined
  readonly gpu?: number | undefined
}

/** What is expected. Real speed is lower: computing, the prompt and the network are not in it. */
export interface Speed {
  /** Bytes that one token of one user reads: the active weights, and the user's past, half full. */
  readonly bytesPerToken: number
  readonly tokensPerSecond: number
  /** All users together, a token each in every step. */
  readonly tokensPerSecondOfAll: number
}

/** Undefined where a device that holds layers has no known bandwidth. */
export function expectedSpeed(fit: Fit, bandwidth: Bandwidth): Speed | undefined {
  const { shape, parts, use } = fit
  const past = (kvBytesPerToken(shape, use.kvType) * use.contextLength) / 2 + stateBytes(fit)
  const seconds = (users: number) => stepSeconds(fit.devices, stepBytes(parts, shape, users) + users * past, bandwidth)
  const [one, all] = [seconds(1), seconds(use.streams)]
  if (one === undefined || all === undefined) return undefined
  return {
    bytesPerToken: parts.active + past,
    tokensPerSecond: 1 / one,
    tokensPerSecondOfAll: use.streams / all,
  }
}

/** Recurrent state is read and written whole with every token. */
function stateBytes({ shape }: Fit): number {
  return 2 * shape.layers.reduce((sum, { stateBytes: bytes }) => sum + bytes, 0)
}

/** One device after another, each with its share of the layers. */
function stepSeconds(devices: readonly PlacedDevice[], bytes: number, bandwidth: Bandwidth): number | undefined {
  const layers = devices.reduce((sum, device) => sum + device.layers, 0)
  let seconds = 0
  for (const { kind, layers: held } of devices) {
    const rate = bandwidth[kind]
    if (held === 0) continue
    if (rate === undefined || rate <= 0) return undefined
    seconds += (bytes * held) / layers / rate
  }
  return seconds
}

/** Nano-units for a million tokens, all users generating without a pause, at a price for an hour of the machine. Rounded up. */
export function costOfMillion(pricePerHour: bigint, tokensPerSecond: number): bigint {
  // Thousandths of a token keep small rates exact enough; the division is the only rounding.
  const milliTokens = BigInt(Math.max(1, Math.floor(tokensPerSecond * 1000)))
  const dividend = pricePerHour * 1_000_000_000n
  const divisor = milliTokens * 3600n
  return (dividend + divisor - 1n) / divisor
}
