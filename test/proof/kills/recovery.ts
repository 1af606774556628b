// Waits until what was hurt works again by itself, and until all that was acknowledged is in the database. Knows no kill.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../../src/base/clock.ts'
import { connect } from '../../../src/database/connect.ts'
import { findFaults, findMissing } from './missing.ts'
import type { Stage } from './stage.ts'
import type { WriteLoad } from './write-load.ts'

/** Nobody helps: what has not recovered by itself after this long has not recovered. */
const recoveryMs = 240_000

/** Resolves with the milliseconds until keys are made and calls are answered again. */
export async function untilItWrites(stage: Stage, { acknowledged: { made, calls } }: WriteLoad): Promise<number> {
  const [keys, answers] = [made.size, calls.size]
  const since = systemClock.elapsed()
  while (made.size === keys || calls.size === answers) {
    assert.ok(systemClock.elapsed() - since < recoveryMs, `it did not recover:\n${stage.output()}`)
    await delay(10)
  }
  return systemClock.elapsed() - since
}

/**
 * Looks for everything acknowledged while the server runs, for what a dead node had open is charged by a living one once its lease has run
 * out. Then stops the server and throws for what is missing or does not add up.
 */
export async function assertNothingLost(stage: Stage, { acknowledged }: WriteLoad, title: string): Promise<void> {
  const database = await connect(stage.databaseUrl)
  try {
    const since = systemClock.elapsed()
    let missing = await findMissing(database, acknowledged)
    while (Object.values(missing).flat().length > 0 && systemClock.elapsed() - since < recoveryMs) {
      await delay(500)
      missing = await findMissing(database, acknowledged)
    }
    assert.deepEqual(missing, { keys: [], revocations: [], calls: [] }, title)
    await stage.stopServer()
    assert.deepEqual(await findFaults(database, acknowledged), [], title)
  } finally {
    await database.close()
  }
}
