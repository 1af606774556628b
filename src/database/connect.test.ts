// What a person meets who starts on a fresh, damaged or newer database file, and two processes that start on one together.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { connect } from './connect.ts'
import { migrationNames } from './migrate.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-database-'))
})
after(() => rm(folder, { recursive: true, force: true }))

test('makes the file for its owner alone, migrates once, and opens again', async () => {
  const path = join(folder, 'new/deep/galerne.sqlite')
  const first = await connect(`sqlite:${path}`)
  assert.deepEqual(first.migrated, migrationNames)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await stat(`${path}-wal`)).mode & 0o777, 0o600)
  const settings = await sql<{ journal_mode: string }>`pragma journal_mode`.execute(first.query)
  assert.equal(settings.rows[0]?.journal_mode, 'wal')
  await first.close()
  const second = await connect(`sqlite:${path}`)
  assert.deepEqual(second.migrated, [])
  await second.close()
})

test('takes sqlite:///absolute/path as well', async () => {
  const path = join(folder, 'slashes.sqlite')
  await (await connect(`sqlite://${path}`)).close()
  assert.ok((await stat(path)).size > 0)
})

test('a file that is no database is refused by name, and left as it is', async () => {
  const path = join(folder, 'letter.sqlite')
  await writeFile(path, 'Dear reader, this is a letter and no database.\n'.repeat(200))
  const size = (await stat(path)).size
  await assert.rejects(connect(`sqlite:${path}`), (error: Error) => {
    assert.match(error.message, /letter\.sqlite cannot be used: file is not a database/)
    return true
  })
  assert.equal((await stat(path)).size, size)
})

test('a damaged database is refused', async () => {
  const path = join(folder, 'damaged.sqlite')
  await (await connect(`sqlite:${path}`)).close()
  await truncate(path, 5000)
  await assert.rejects(connect(`sqlite:${path}`), { code: 'database_unusable' })
})

test('a folder in place of the file is refused', async () => {
  await assert.rejects(connect(`sqlite:${folder}`), { code: 'database_unusable' })
})

test('a database of a later version is refused before anything is written', async () => {
  const path = join(folder, 'later.sqlite')
  const database = await connect(`sqlite:${path}`)
  await sql`insert into kysely_migration (name, timestamp) values ('9999-wonders', '')`.execute(database.query)
  await database.close()
  await assert.rejects(connect(`sqlite:${path}`), (error: Error) => {
    assert.match(error.message, /later version of Galerne \(9999-wonders\)/)
    return true
  })
})

test('urls of other kinds are refused by the setting name', async () => {
  for (const url of ['mysql://host/name', 'sqlite:', '/plain/path']) {
    await assert.rejects(connect(url), { code: 'invalid_value', param: 'database-url' })
  }
})

test('four processes that start at once on a new file all get it, and the migrations run once', async () => {
  const path = join(folder, 'race.sqlite')
  const script = `import { connect } from ${JSON.stringify(join(import.meta.dirname, 'connect.ts'))}
    const database = await connect(${JSON.stringify(`sqlite:${path}`)})
    console.log(JSON.stringify(database.migrated)); await database.close()`
  const starts = Array.from({ length: 4 }, () =>
    promisify(execFile)(process.execPath, ['--input-type=module-typescript', '--eval', script]),
  )
  const outputs = (await Promise.all(starts)).map((start) => JSON.parse(start.stdout) as string[])
  assert.deepEqual(
    outputs.filter((migrated) => migrated.length > 0),
    [migrationNames],
  )
})

test('a PostgreSQL server that does not answer is named without its password', async () => {
  await assert.rejects(connect('postgres://me:hunter2@127.0.0.1:1/name'), (error: Error) => {
    assert.match(error.message, /postgres:\/\/127\.0\.0\.1:1\/name cannot be used: .*ECONNREFUSED/)
    assert.doesNotMatch(error.message, /hunter2/)
    return true
  })
})
