// Usage that a killed server had not written yet is written by the next start, each call once.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { usageRow as row } from '../../../test/support/usage-rows.ts'
import { createLog } from '../../base/log.ts'
import { connect, type Database } from '../../database/connect.ts'
import { openUsageJournal } from './journal.ts'
import { writeUsage } from './store.ts'
import { createUsageWriter } from './writer.ts'

const log = createLog({ level: 'silent' })
let home = ''
let database: Database
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'galerne-journal-'))
  database = await connect(`sqlite:${join(home, 'galerne.sqlite')}`)
})
after(async () => {
  await database.close()
  await rm(home, { recursive: true, force: true })
})

const open = () => openUsageJournal(home, { write: (records) => writeUsage(database, records), log })
const journals = async () => (await readdir(home)).filter((name) => name.endsWith('.journal'))
const calls = async () =>
  (await database.query.selectFrom('usage').select('id').orderBy('id').execute()).map(({ id }) => id)

test('a process that is killed leaves its rows, and the next start writes them once', async () => {
  const script = `
    import { openUsageJournal } from ${JSON.stringify(join(import.meta.dirname, 'journal.ts'))}
    const journal = await openUsageJournal(${JSON.stringify(home)}, { write: async () => {}, log: undefined })
    for (const record of ${JSON.stringify([{ row: row({ id: 'call_1' }) }, { row: row({ id: 'call_2' }) }])}) journal.append(record)
    process.kill(process.pid, 'SIGKILL')`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], { stdio: 'inherit' })
  await once(child, 'exit')
  const [file = ''] = await journals()
  assert.equal((await stat(join(home, file))).mode & 0o777, 0o600)
  // The last line of a write that was cut.
  await appendFile(join(home, file), '{"row":{"id":"call_3"')
  await writeUsage(database, [{ row: row({ id: 'call_1' }) }])
  const journal = await open()
  assert.deepEqual(await calls(), ['call_1', 'call_2'])
  assert.deepEqual(await journals(), [`usage-${process.pid}.journal`])
  journal.remove()
  assert.deepEqual(await journals(), [])
})

test('it holds what is not yet committed and nothing else, and goes with an orderly end', async () => {
  const journal = await open()
  const path = join(home, `usage-${process.pid}.journal`)
  const writer = createUsageWriter({ database, log, journal })
  for (const id of ['call_4', 'call_5']) writer.admit().record({ row: row({ id }) })
  assert.equal((await readFile(path, 'utf8')).trim().split('\n').length, 2)
  await writer.flush()
  assert.equal(await readFile(path, 'utf8'), '')
  writer.admit().record({ row: row({ id: 'call_6' }) })
  await writer.stop()
  assert.deepEqual(await journals(), [])
  assert.deepEqual(await calls(), ['call_1', 'call_2', 'call_4', 'call_5', 'call_6'])
})

test('what the database does not take stays for the next start', async () => {
  const journal = await open()
  journal.append({ row: row({ id: 'call_7' }) })
  const away = () => Promise.reject(new Error('away'))
  await assert.rejects(openUsageJournal(home, { write: away, log }), /away/)
  const again = await open()
  assert.ok((await calls()).includes('call_7'))
  again.remove()
})

test('a file that is never empty is written anew with what is left', async () => {
  const journal = await open()
  const path = join(home, `usage-${process.pid}.journal`)
  const large = { row: row({ id: 'call_8' }), content: { input: 'x'.repeat(1_000_000), output: null } }
  for (let index = 0; index < 9; index++) journal.append(large)
  journal.keep([{ row: row({ id: 'call_9' }) }])
  assert.ok((await stat(path)).size < 2_000)
  journal.append({ row: row({ id: 'call_10' }) })
  const lines = (await readFile(path, 'utf8')).trim().split('\n')
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { row: { id: string } }).row.id),
    ['call_9', 'call_10'],
  )
  journal.remove()
})
