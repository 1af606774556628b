// Keeps what loads taught of models' memory in a file of the data folder, so that the next start plans with it.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Log } from '../../base/log.ts'
import type { CorrectionBook } from '../../engine/plan-correct.ts'

const ratio = Type.Number({ minimum: 0.1, maximum: 10 })
const book = Type.Record(
  Type.String(),
  Type.Object({
    kv: ratio,
    state: ratio,
    compute: ratio,
    overheadBytes: Type.Number({ minimum: 0, maximum: 2 ** 36 }),
  }),
)

/** Models that are remembered. */
const most = 200

/** Opens the file. One that is damaged or cannot be written costs the memory of it and nothing else. */
export function openCorrections(home: string, log?: Log): CorrectionBook {
  const path = join(home, 'plan-corrections.json')
  const known = new Map(Object.entries(read(path)))
  return {
    find: (model) => known.get(model),
    keep(model, correction) {
      if (!Value.Check(book, { [model]: correction })) return
      known.delete(model)
      known.set(model, correction)
      const kept = Object.fromEntries([...known].slice(-most))
      try {
        // Renamed into place: two servers over one home never leave half a file.
        writeFileSync(`${path}.${process.pid}`, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 })
        renameSync(`${path}.${process.pid}`, path)
      } catch (error) {
        log?.warn({ err: error, path }, 'what the load taught could not be kept')
      }
    },
  }
}

function read(path: string): Static<typeof book> {
  try {
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return Value.Check(book, found) ? found : {}
  } catch {
    return {}
  }
}
