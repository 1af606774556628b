// How models of this machine are kept, as administrators set it while the server ran: in a file of the data folder, for the next start.
// The settings say the rest. Of this machine, not of the database: another node has other memory and other weights.
import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Log } from '../../base/log.ts'

const Place = Type.Object({
  pinned: Type.Optional(Type.Boolean()),
  priority: Type.Optional(Type.Integer()),
  idleMs: Type.Optional(Type.Integer({ minimum: 0 })),
})
const Book = Type.Record(Type.String(), Place)

/** How a model is kept; what is absent the settings say. */
export type Place = Static<typeof Place>

/** Places by the names that models are served under. */
export interface PlaceBook {
  of(name: string): Place
  names(): readonly string[]
  /** Keeps what changed; resolves when it is on the disk. */
  change(name: string, change: { readonly [Key in keyof Place]?: Place[Key] | undefined }): Promise<void>
  forget(name: string): Promise<void>
}

/** Opens the file. A damaged one costs what it knew; one that cannot be written costs what is new, with a warning. */
export function openPlaces(home: string, log: Log): PlaceBook {
  const path = join(home, 'places.json')
  const known = new Map(Object.entries(read(path, log)))
  let writing = Promise.resolve()
  const write = () => {
    writing = writing.then(async () => {
      try {
        await writeFile(`${path}.next`, `${JSON.stringify(Object.fromEntries(known), null, 2)}\n`, { mode: 0o600 })
        await rename(`${path}.next`, path)
      } catch (error) {
        log.warn({ err: error, path }, 'how models are kept could not be written: it lasts until the server ends')
      }
    })
    return writing
  }
  return {
    of: (name) => known.get(name) ?? {},
    names: () => [...known.keys()],
    async change(name, change) {
      const given = Object.entries(change).filter(([, value]) => value !== undefined)
      if (given.length === 0) return
      known.set(name, { ...known.get(name), ...Object.fromEntries(given) })
      await write()
    },
    async forget(name) {
      if (known.delete(name)) await write()
    },
  }
}

function read(path: string, log: Log): Static<typeof Book> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return {}
  }
  try {
    const value: unknown = JSON.parse(text)
    if (Value.Check(Book, value)) return value
  } catch {}
  log.warn({ path }, 'how models were kept cannot be read: the settings hold')
  return {}
}
