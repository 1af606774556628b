// The proof, shortened to seconds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutOwnPostgres } from '../support/postgres.ts'
import { run } from './database-away.ts'

test('while PostgreSQL is away nothing is served uncounted, and it recovers by itself', {
  skip: withoutOwnPostgres,
}, async () => {
  const findings = await run({ whole: false })
  assert.match(findings, /^\| killed \| 3 s \| [1-9]\d* × 503 database_unavailable \|/m)
  assert.match(findings, /^\| silent \| 16 s \| .*[1-9]\d* × 503 database_unavailable/m)
})
