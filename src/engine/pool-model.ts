// A model of this machine as the settings name it, before it is planned. A type alone.

import type { Pooling, PrefixDisk } from './messages.ts'

/** A model to serve. What is absent the plan decides. */
export interface PoolModel {
  readonly name: string
  readonly aliases?: readonly string[]
  /** A GGUF file, the first one of several. */
  readonly path: string
  readonly streams?: number | undefined
  readonly contextLength?: number | undefined
  readonly pooling?: Pooling | undefined
  readonly kvType?: 'f16' | 'q8_0' | undefined
  readonly layout?: 'split' | 'unified' | undefined
  readonly prefixDisk?: PrefixDisk | undefined
  /** sha256 of the weights, when known. */
  readonly digest?: string | null | undefined
  /** Never unloaded to make room. */
  readonly pinned?: boolean | undefined
  /** Models of higher priority are unloaded last; 0 without it. */
  readonly priority?: number | undefined
  /** Bytes of the LoRA adapters that it will have. */
  readonly adapterBytes?: number | undefined
}
