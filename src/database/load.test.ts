// A database that is backed up, restored or copied is the same one: on both databases, while others write, and never by halves.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { sql } from 'kysely'
import { describeOnDatabases, needsSessions, type TestDatabase } from '../../test/support/databases.ts'
import { withArchive, writeArchive } from './archive.ts'
import { connect, type Database } from './connect.ts'
import { load } from './load.ts'
import { migrationNames } from './migrate.ts'
import { createNotices } from './notices.ts'
import { withSnapshot } from './snapshot.ts'
import type { NewRow } from './tables.ts'

const row = (id: string): NewRow<'keys'> => ({
  ...{
    id,
    workspace: 'default',
    name: id,
    role: 'member',
    reach: 'workspace',
    hash: id,
    hint: '',
    origin: 'generated',
  },
  ...{ created_at: Number.MAX_SAFE_INTEGER, expires_at: null, revoked_at: null, last_used_at: 0 },
})
const odd = ['é “quoted” \\ ‘new\nline’', ' ', '\u{1F40E}', 'ß', 'SS', 'ss', '%_', '{"json": [1.5]}']
const facts = { galerne: '0.1.0', created_at: '2026-11-26T00:00:00.000Z', database: 'sqlite' } as const

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-load-'))
})
after(() => rm(folder, { recursive: true, force: true }))

let files = 0
const newFile = () => join(folder, `${++files}.file`)
const newSqlite = () => `sqlite:${newFile()}`

async function ids(url: string): Promise<readonly string[]> {
  const database = await connect(url)
  const rows = await database.query.selectFrom('keys').select('id').execute()
  await database.close()
  return rows.map(({ id }) => id).sort()
}

async function backup(database: Database): Promise<string> {
  const path = newFile()
  await withSnapshot(database.url, (snapshot) => writeArchive(path, snapshot, facts))
  return path
}

const restore = (path: string, url: string, force = false) =>
  withArchive(path, (snapshot) => load(url, snapshot, { force }))

/** A filled database that nobody has open: on PostgreSQL the suite's own, on SQLite a copy, for an open file is never replaced. */
async function filled({ database, url }: TestDatabase): Promise<string> {
  if (database.dialect.name === 'postgres') return url
  const copy = newSqlite()
  await withSnapshot(url, (snapshot) => load(copy, snapshot))
  return copy
}

describeOnDatabases('a database', (get) => {
  test('copied to SQLite, from there back, and from a backup, has the same rows and digests', async (context) => {
    if (needsSessions(context, get())) return
    const { database, url } = get()
    await database.query.insertInto('keys').values(odd.map(row)).execute()
    await database.query
      .insertInto('keys')
      .values(Array.from({ length: 1200 }, (_, index) => row(`key_${index}`)))
      .execute()
    const there = newSqlite()
    const copied = await withSnapshot(url, (snapshot) => load(there, snapshot))
    assert.deepEqual(copied.migrated, [])
    assert.equal(copied.tables.find(({ name }) => name === 'keys')?.rows, 1200 + odd.length)
    assert.deepEqual(await ids(there), await ids(url))
    const target = await filled(get())
    const back = await withSnapshot(there, (snapshot) => load(target, snapshot, { force: true }))
    assert.deepEqual(back.tables, copied.tables)
    const archive = await backup(database)
    assert.equal((await stat(archive)).mode & 0o777, 0o600)
    assert.deepEqual((await restore(archive, newSqlite())).tables, copied.tables)
    assert.deepEqual((await restore(archive, target, true)).tables, copied.tables)
    assert.deepEqual(await ids(target), await ids(there))
  })

  test('is one moment in a snapshot, whatever others write meanwhile', async (context) => {
    if (needsSessions(context, get())) return
    const { database, url } = get()
    await sql`delete from keys`.execute(database.query)
    await database.query
      .insertInto('keys')
      .values(Array.from({ length: 1500 }, (_, index) => row(`early_${index}`)))
      .execute()
    const there = newSqlite()
    let written = 0
    await withSnapshot(url, async (snapshot) => {
      const { batches } = snapshot
      const disturbed = async function* () {
        for await (const batch of batches()) {
          await database.query
            .insertInto('keys')
            .values(row(`late_${++written}`))
            .execute()
          await sql`delete from keys where id = ${`early_${written}`}`.execute(database.query)
          yield batch
        }
      }
      await load(there, { ...snapshot, batches: disturbed })
    })
    assert.ok(written >= 3)
    assert.deepEqual(await ids(there), Array.from({ length: 1500 }, (_, index) => `early_${index}`).sort())
  })

  test('that is not empty or of a later version is refused, and stays as it was', async (context) => {
    if (needsSessions(context, get())) return
    const { database, url } = get()
    const archive = await backup(database)
    const target = await filled(get())
    const before = await ids(target)
    await assert.rejects(restore(archive, target), { code: 'database_not_empty' })
    const later = await connect(target)
    await sql`insert into kysely_migration (name, timestamp) values ('9999-wonders', '')`.execute(later.query)
    await later.close()
    await assert.rejects(restore(archive, target), { code: 'database_newer' })
    await assert.rejects(
      withSnapshot(target, async () => {}),
      { code: 'database_newer' },
    )
    if (target !== url) assert.equal((await restore(archive, target, true)).tables.length > 5, true)
    else await sql`delete from kysely_migration where name = '9999-wonders'`.execute(database.query)
    assert.deepEqual(await ids(target), before)
  })

  test('on which a server works is not replaced', async (context) => {
    if (needsSessions(context, get())) return
    const { database, url } = get()
    const archive = await backup(database)
    const notices = await createNotices(database)
    await assert.rejects(restore(archive, url, true), { code: 'database_in_use' })
    await notices.close()
  })

  test('stays as it was when the backup is damaged, cut or changed', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    const whole = await readFile(await backup(database))
    const lines = gunzipSync(whole).toString().trimEnd().split('\n')
    const changed = (change: (lines: string[]) => string[]) => gzipSync(`${change([...lines]).join('\n')}\n`)
    const wrong: Record<string, Buffer> = {
      cut: whole.subarray(0, whole.length - 30),
      flipped: Buffer.from(whole).fill(0xff, 4_000, 4_004),
      empty: Buffer.alloc(0),
      text: Buffer.from('Dear reader'),
      'without its end': changed((all) => all.slice(0, -1)),
      'with another value': changed((all) => all.map((line) => line.replace('"early_77"', '"other_77"'))),
      'with a row less': changed((all) => all.filter((line) => !line.startsWith('{"table":"workspaces"'))),
      'with a strange table': changed((all) => [
        ...all.slice(0, -1),
        '{"table":"strange","rows":[[1]]}',
        all.at(-1) ?? '',
      ]),
      'of a later version': changed(([head = '', ...rest]) => [head.replace('0001-keys', '9999-wonders'), ...rest]),
    }
    const target = await filled(get())
    const before = await ids(target)
    for (const [name, bytes] of Object.entries(wrong)) {
      const path = newFile()
      await writeFile(path, bytes)
      const code = name === 'of a later version' ? 'database_newer' : 'backup_unusable'
      await assert.rejects(restore(path, target, true), { code }, name)
    }
    assert.deepEqual(await ids(target), before)
  })
})

test('a backup of an earlier version is restored as it was and then migrated', async () => {
  const archive = newFile()
  const tables = [
    { name: 'keys', columns: ['id', 'workspace', 'name', 'scope', 'hash', 'hint', 'origin', 'created_at'], rows: 1 },
  ]
  const cells = ['key_1', 'default', 'old', 'admin', 'hash', 'hint', 'generated', 1]
  const batches = async function* () {
    for (const table of tables) yield { table, rows: [cells] }
  }
  await writeArchive(archive, { migrations: ['0001-keys', '0002-jobs'], tables, batches }, facts)
  const url = newSqlite()
  assert.deepEqual((await restore(archive, url)).migrated, migrationNames.slice(2))
  const database = await connect(url)
  const [key] = await database.query.selectFrom('keys').select(['name', 'role', 'reach']).execute()
  assert.deepEqual({ ...key }, { name: 'old', role: 'owner', reach: 'organisation' })
  await database.close()
})

test('an existing file is not overwritten by a backup, and a source that is not there is not made', async () => {
  const path = newFile()
  await writeFile(path, 'precious')
  const url = newSqlite()
  await (await connect(url)).close()
  const writing = withSnapshot(url, (snapshot) => writeArchive(path, snapshot, facts))
  await assert.rejects(writing, { code: 'backup_unusable' })
  assert.equal(await readFile(path, 'utf8'), 'precious')
  const absent = newFile()
  await assert.rejects(
    withSnapshot(`sqlite:${absent}`, async () => {}),
    { code: 'database_unusable' },
  )
  await assert.rejects(stat(absent), { code: 'ENOENT' })
})
