// Engine processes for tests: a pool with one small model, and a log that says nothing.

import { createLog } from '../../src/base/log.ts'
import { startPool } from '../../src/engine/pool.ts'
import type { PoolModel } from '../../src/engine/pool-model.ts'
import type { Pool } from '../../src/engine/pool-types.ts'
import type { Model } from '../../src/wire/model.ts'

/** A log without a voice. */
export const silentLog = createLog({ level: 'silent', readable: false })

/** A pool of one model, on one thread. */
export async function startOne(model: PoolModel): Promise<{ pool: Pool; model: Model }> {
  const pool = await startPool({ models: [model], threads: 1, log: silentLog })
  const [started] = pool.models
  if (started === undefined) throw new Error('The pool has no model.')
  return { pool, model: started }
}
