// The proof in its short form: some lines, some kills.
import { test } from 'node:test'
import { run } from './batch-through-kills.ts'

test('a batch loses nothing and does nothing twice when its server, engine and database are killed', {
  skip: process.platform !== 'linux' && 'needs /proc',
  timeout: 3_600_000,
}, async (t) => {
  t.diagnostic(await run({ whole: false }))
})
