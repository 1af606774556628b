// The database commands as an operator meets them: a plan, a backup of a running server, a restore into a new home, and a move to PostgreSQL.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { emptyPostgres, withoutPostgres } from '../support/databases.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'

const command = join(import.meta.dirname, '../../bin/galerne.js')
let folder = ''
let flags: readonly string[] = []
let server: RunningProduct

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-commands-'))
  const model = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
  flags = ['--model', `tiny=${model}`, '--streams', '2', '--context-length', '256', '--drain-timeout', '1s']
  server = await startProduct(flags)
})
after(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

function galerne(...words: readonly string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [command, ...words], { encoding: 'utf8' })
  return { stdout, stderr, status }
}

const keys = (of: Pick<RunningProduct, 'url' | 'key'>, body?: unknown) =>
  fetch(`${of.url}/galerne/v1/keys`, {
    headers: { authorization: `Bearer ${of.key}`, 'content-type': 'application/json' },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  })

async function names(of: Pick<RunningProduct, 'url' | 'key'>): Promise<readonly string[]> {
  const { data } = (await (await keys(of)).json()) as { data: { name: string }[] }
  return data.map(({ name }) => name).sort()
}

test('migrate --plan prints the SQL and changes nothing; migrate runs it once', async () => {
  const home = join(folder, 'planned')
  const plan = galerne('migrate', '--plan', '--home', home)
  assert.equal(plan.status, 0, plan.stderr)
  assert.match(plan.stdout, /^-- 0001-keys\ncreate table "keys" \("id" text primary key/)
  assert.equal(galerne('migrate', '--plan', '--home', home).stdout, plan.stdout)
  assert.match(galerne('migrate', '--home', home).stdout, /ran 0001-keys, 0002-jobs/)
  assert.match(galerne('migrate', '--home', home).stdout, /is up to date/)
  assert.match(galerne('migrate', '--plan', '--home', home).stdout, /Nothing to run/)
})

test('a backup of a running server, restored into a new home, serves the same keys', async () => {
  const { secret } = (await (await keys(server, { name: 'before' })).json()) as { secret: string }
  const file = join(folder, 'running.galerne')
  const backup = galerne('backup', file, '--home', server.home)
  assert.equal(backup.status, 0, backup.stderr)
  assert.match(backup.stdout, /running\.galerne: \d+ rows of \d+ tables/)
  assert.equal((await keys(server, { name: 'after' })).status, 200)
  const home = join(folder, 'restored')
  const restored = galerne('restore', file, '--home', home, '--json')
  assert.equal(restored.status, 0, restored.stderr)
  const { tables } = JSON.parse(restored.stdout) as { tables: { name: string; rows: number }[] }
  assert.equal(tables.find(({ name }) => name === 'keys')?.rows, 2)
  const again = await startProduct(flags, { GALERNE_DATABASE_URL: `sqlite:${join(home, 'galerne.sqlite')}` })
  try {
    assert.deepEqual(await names(again), ['api-key setting', 'before'])
    assert.equal(
      (await fetch(`${again.url}/v1/models`, { headers: { authorization: `Bearer ${secret}` } })).status,
      200,
    )
  } finally {
    await again.stop()
  }
})

test('what would lose something is refused, with a word on what to do', async () => {
  const file = join(folder, 'again.galerne')
  assert.equal(galerne('backup', file, '--home', server.home).status, 0)
  const twice = galerne('backup', file, '--home', server.home)
  assert.equal(twice.status, 1)
  assert.match(twice.stderr, /exists already/)
  const under = galerne('restore', file, '--home', server.home, '--force')
  assert.match(under.stderr, /A server works on the database .*Stop every server/)
  const full = galerne('restore', file, '--home', join(folder, 'restored'))
  assert.match(full.stderr, /already holds Galerne's tables.*--force/)
  assert.equal(galerne('restore', file, '--home', join(folder, 'restored'), '--force').status, 0)
  assert.match(galerne('restore', command, '--home', join(folder, 'none')).stderr, /is damaged or cut, or is no backup/)
  assert.match(galerne('backup', join(folder, 'x'), '--home', join(folder, 'nowhere')).stderr, /there is no such file/)
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith('.partial')),
    [],
  )
})

test('database copy moves everything to PostgreSQL and back', { skip: withoutPostgres }, async () => {
  const place = await emptyPostgres()
  const home = join(folder, 'restored')
  const back = `sqlite:${join(folder, 'back.sqlite')}`
  const there = galerne('database', 'copy', '--home', home, '--to', place.url, '--json')
  assert.equal(there.status, 0, there.stderr)
  const again = galerne('database', 'copy', '--home', home, '--database-url', place.url, '--to', back, '--json')
  assert.equal(again.status, 0, again.stderr)
  assert.deepEqual(JSON.parse(again.stdout), JSON.parse(there.stdout))
  const moved = await startProduct(flags, { GALERNE_DATABASE_URL: place.url })
  try {
    assert.ok((await names(moved)).includes('before'))
    assert.match(galerne('database', 'copy', '--home', home, '--to', place.url, '--force').stderr, /A server works on/)
    const shown = galerne('database', 'copy', '--home', home, '--to', `sqlite:${join(folder, 'shown.sqlite')}`)
    assert.match(shown.stderr, /writing 100% {2}\d+ of \d+ rows {2}\d+ rows\/s/)
    assert.match(shown.stdout, /keys +\d+ +[0-9a-f]{64}/)
    assert.match(galerne('database', 'info', '--home', home, '--database-url', place.url).stdout, /^table +rows\n/)
  } finally {
    await moved.stop()
    await place.remove()
  }
})
