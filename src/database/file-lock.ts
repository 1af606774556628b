// A lock between processes that a killed process never leaves behind. Knows nothing of what it guards.

import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { sqliteCode } from './sqlite.ts'

/** What a waiter may hand in. */
export interface FileLockOptions {
  /** Called once when somebody else holds the lock. */
  readonly onWait?: () => void
  /** Ends the waiting, not the action. */
  readonly signal?: AbortSignal
}

const busy = 5
const retryMs = 200

/**
 * Runs `action` while holding the lock file at `path`, which is made where absent and stays, empty. Node has no file locks of
 * its own; SQLite's are the operating system's, so they end with the process, whatever ended it.
 */
export async function withFileLock<Result>(
  path: string,
  action: () => Promise<Result>,
  options: FileLockOptions = {},
): Promise<Result> {
  await mkdir(dirname(path), { recursive: true })
  const lock = new DatabaseSync(path, { timeout: 0 })
  try {
    let waited = false
    while (!acquire(lock)) {
      if (!waited) options.onWait?.()
      waited = true
      await delay(retryMs, undefined, options.signal === undefined ? {} : { signal: options.signal })
    }
    return await action()
  } finally {
    lock.close()
  }
}

function acquire(lock: DatabaseSync): boolean {
  try {
    lock.exec('begin exclusive')
    return true
  } catch (error) {
    if (sqliteCode(error) === busy) return false
    throw error
  }
}
