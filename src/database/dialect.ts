// All that differs between the databases, in one place. Machines that may not know a database are handed these facts.

/** Which database is behind the connection, and what it can do. */
export interface Dialect {
  readonly name: 'sqlite' | 'postgres'
  /**
   * Rows can be locked one by one, and others passed over (`for update skip locked`). Without it there is one writer at a time, and the
   * statement that writes is itself the lock.
   */
  readonly rowLocks: boolean
}

/** SQLite through node:sqlite. */
export const sqlite: Dialect = { name: 'sqlite', rowLocks: false }
