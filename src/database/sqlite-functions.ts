// What SQLite must learn to answer searches as PostgreSQL does. Every connection is taught, the readers' too.

import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { linearPattern } from './linear-pattern.ts'

/** Adds `text regexp pattern`, and makes LIKE tell capital letters from small ones. */
export function teach(database: DatabaseSync): void {
  database.function('regexp', { deterministic: true }, regexp)
  database.exec('pragma case_sensitive_like = on')
}

function regexp(pattern: SQLOutputValue, text: SQLOutputValue): number {
  return text !== null && linearPattern(String(pattern)).occursIn(String(text)) ? 1 : 0
}
