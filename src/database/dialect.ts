// All that differs between the databases, in one place. Knows no table but by the queries it is handed.

import type { SelectQueryBuilder } from 'kysely'

/** Which database is behind the connection. */
export type DatabaseKind = 'sqlite' | 'postgres'

/**
 * Locks the rows a claim selects and passes over those that another worker holds. SQLite has one writer at a time, so
 * there the statement itself is the lock.
 */
export function lockForClaim<Tables, Name extends keyof Tables, Output>(
  kind: DatabaseKind,
  query: SelectQueryBuilder<Tables, Name, Output>,
): SelectQueryBuilder<Tables, Name, Output> {
  return kind === 'postgres' ? query.forUpdate().skipLocked() : query
}
