// The table `jobs` as the queue reads and writes it; the database's migration 0002 makes it.

/** Work to be done once, by whichever process claims it. Times are integer milliseconds since 1970. */
export interface JobsTable {
  id: string
  /** Which handler takes it. */
  kind: string
  /** Id of the row the work is about: the only payload. The truth stays in that row's table. */
  subject: string
  state: 'ready' | 'running' | 'done' | 'failed'
  /** Claims so far. */
  attempts: number
  max_attempts: number
  /** When it may be claimed, at the earliest. */
  run_at: number
  /** Made anew by each claim, so that a worker that lost its lease cannot write. */
  lease: string | null
  lease_until: number | null
  /** Why the last attempt failed. */
  error: string | null
  created_at: number
  finished_at: number | null
}

/** What the queue needs of the database. */
export type JobTables = {
  jobs: JobsTable
}
