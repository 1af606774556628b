// The LoRA adapters of one engine: loaded when a request first wants them, freed when they are many and nobody uses them. Knows no request.

import type { RequestAdapter } from '../messages.ts'
import type { AppliedAdapter } from './context.ts'
import type { Llama } from './llama.ts'
import { type LoadedAdapter, loadAdapter } from './llama-adapter.ts'
import type { LoadedModel } from './llama-model.ts'

/** Adapters that stay loaded though nobody uses them. */
const mostIdle = 16

/** What applies to one request. */
export interface Applied {
  /** The same for requests that the same weights answer: KV is shared inside one key, and steps are. Empty: the plain model. */
  readonly key: string
  readonly adapters: readonly AppliedAdapter[]
  /** The request is over. Called once. */
  release(): void
}

/** The plain model. */
export const noAdapters: Applied = { key: '', adapters: [], release: () => {} }

interface Entry {
  readonly loading: Promise<LoadedAdapter>
  loaded?: LoadedAdapter
  users: number
}

/** All adapters of one model. */
export class Adapters {
  readonly #llama: Llama
  readonly #model: LoadedModel
  /** By digest, the one used last at the end. */
  readonly #entries = new Map<string, Entry>()

  constructor(llama: Llama, model: LoadedModel) {
    this.#llama = llama
    this.#model = model
  }

  /** Loads what is not here yet. @throws Failure `model_load_failed` for a file that is none, or is for another model */
  async open(wanted: readonly RequestAdapter[]): Promise<Applied> {
    if (wanted.length === 0) return noAdapters
    // In one order, so that a+b is b+a.
    const sorted = wanted.toSorted((one, other) => (one.digest < other.digest ? -1 : 1))
    const entries = sorted.map((adapter) => this.#take(adapter))
    const release = () => {
      for (const entry of entries) entry.users -= 1
    }
    try {
      const loaded = await Promise.all(entries.map(({ loading }) => loading))
      return {
        key: sorted.map(({ digest, scale }) => `${digest}:${scale}`).join('+'),
        adapters: loaded.map(({ pointer }, place) => ({ pointer, scale: sorted[place]?.scale ?? 1 })),
        release,
      }
    } catch (error) {
      release()
      throw error
    }
  }

  /** Frees those that are too many. No context may apply them, nor decode meanwhile; `beforeFree` sees to that. */
  sweep(beforeFree: () => void): void {
    const idle = [...this.#entries].filter(([, { users, loaded }]) => users === 0 && loaded !== undefined)
    for (const [digest, { loaded }] of idle.slice(0, Math.max(0, idle.length - mostIdle))) {
      beforeFree()
      loaded?.free()
      this.#entries.delete(digest)
    }
  }

  #take({ digest, path }: RequestAdapter): Entry {
    const entry: Entry = this.#entries.get(digest) ?? { loading: loadAdapter(this.#llama, this.#model, path), users: 0 }
    entry.users += 1
    entry.loading.then(
      (loaded) => {
        entry.loaded = loaded
      },
      // The next request tries again.
      () => this.#entries.delete(digest),
    )
    this.#entries.delete(digest)
    this.#entries.set(digest, entry)
    return entry
  }
}
