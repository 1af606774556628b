// Remembers beside a partial file whose bytes it holds and which of them, so that a killed process costs little. Knows no network.

import { readFile, rename, writeFile } from 'node:fs/promises'

/** Whose bytes a partial file holds: bytes of another file must never be continued. */
export interface Identity {
  readonly sha256?: string | undefined
  readonly etag?: string | undefined
}

/** What is known of a partial file. */
export interface PartialState extends Identity {
  /** Present where it was cut into parts of `partBytes`: bytes that each part has, from its start. Absent: its size says it. */
  readonly parts?: { readonly partBytes: number; readonly received: readonly number[] }
}

/** Where the state of a partial file lies. */
export function stateFile(partial: string): string {
  return `${partial}.json`
}

/** Reads the state; empty where it is absent or broken: whose bytes these are is then not known, so they are not continued. */
export async function readState(partial: string): Promise<PartialState> {
  try {
    const value = JSON.parse(await readFile(stateFile(partial), 'utf8')) as Record<string, unknown>
    const text = (name: string) => (typeof value[name] === 'string' ? value[name] : undefined)
    const parts = readParts(value['parts'])
    return { sha256: text('sha256'), etag: text('etag'), ...(parts !== undefined && { parts }) }
  } catch {
    return {}
  }
}

function readParts(value: unknown): PartialState['parts'] {
  if (typeof value !== 'object' || value === null) return undefined
  const { partBytes, received } = value as { partBytes?: unknown; received?: unknown }
  if (typeof partBytes !== 'number' || !Array.isArray(received)) return undefined
  if (!received.every((bytes) => Number.isSafeInteger(bytes) && bytes >= 0 && bytes <= partBytes)) return undefined
  return { partBytes, received: received as number[] }
}

/** Writes the state in one step: a killed process leaves the old one or the new one. */
export async function writeState(partial: string, state: PartialState): Promise<void> {
  const next = `${stateFile(partial)}.next`
  await writeFile(next, JSON.stringify(state))
  await rename(next, stateFile(partial))
}

/** Whether bytes that belong to `known` may be continued with those of the file that `wanted` describes. */
export function continues(known: Identity, wanted: Identity): boolean {
  if (wanted.sha256 !== undefined) return known.sha256 === wanted.sha256
  // A weak ETag does not promise the same bytes. Without a wanted one the server is asked with If-Range.
  return known.etag?.startsWith('"') === true && (wanted.etag === undefined || wanted.etag === known.etag)
}
