// Tables as spreadsheets of several countries and systems write them.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readDelimiter, type TableRow, tableRows } from './batch-table.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-table-'))
})
after(() => rm(folder, { recursive: true, force: true }))

async function rows(content: string | Buffer, delimiter?: string, name = 'table.csv'): Promise<TableRow[]> {
  const path = join(folder, name)
  await writeFile(path, content)
  const all: TableRow[] = []
  for await (const row of tableRows(path, delimiter)) all.push({ ...row })
  return all
}

const wanted = [{ id: '1', text: 'a, b; c' }]

test('what ends a cell is seen in the header: commas, semicolons, tabs, bars; what stands in quotes does not count', async () => {
  for (const end of [',', ';', '\t', '|']) {
    assert.deepEqual(await rows(`id${end}text\n1${end}"a, b; c"\n`), wanted, `"${end}"`)
  }
  const quoted = await rows('"one, of, many";"two\n, lines"\n1;2\n')
  assert.deepEqual(quoted, [{ 'one, of, many': '1', 'two\n, lines': '2' }])
  assert.deepEqual(await rows('text\na, b; c\n', '~'), [{ text: 'a, b; c' }])
  assert.deepEqual(await rows('text\n"a, b; c"\n'), [{ text: 'a, b; c' }])
})

test('what the user says, or a first line for spreadsheets, goes before what is seen', async () => {
  assert.deepEqual(await rows('a,b;c,d\n1,2;3,4\n', ';'), [{ 'a,b': '1,2', 'c,d': '3,4' }])
  assert.deepEqual(await rows('sep=;\r\nid;text\r\n1;"a, b; c"\r\n'), wanted)
  assert.deepEqual(await rows('\uFEFFsep=|\nid|text\n1|a, b; c\n'), wanted)
  assert.deepEqual(await rows('a,b,c\td\n1\t2\n', undefined, 'x.TSV'), [{ 'a,b,c': '1', d: '2' }])
})

test('UTF-8 and UTF-16 with their marks, every end of lines, cells over several lines', async () => {
  const table = 'id;text\r\n1;"é 😀\r\nb ""c"""\r\n'
  const read = [{ id: '1', text: 'é 😀\r\nb "c"' }]
  assert.deepEqual(await rows(`\uFEFF${table}`), read)
  const little = Buffer.from(`\uFEFF${table}`, 'utf16le')
  assert.deepEqual(await rows(little), read)
  assert.deepEqual(await rows(Buffer.from(little).swap16()), read)
  assert.deepEqual(await rows('id,text\r1,x\r2,y'), [
    { id: '1', text: 'x' },
    { id: '2', text: 'y' },
  ])
})

test('columns without a name are left out, names lose the space around them, rows that hold nothing are none', async () => {
  assert.deepEqual(await rows('id; text ;;\n1;a;;\n;;;\n\n2;b;x;\n'), [
    { id: '1', text: 'a' },
    { id: '2', text: 'b' },
  ])
  assert.deepEqual(await rows('id,text\n'), [])
  assert.deepEqual(await rows(''), [])
})

test('what cannot be read rightly is refused, with the place', async () => {
  const cases: readonly [string | Buffer, RegExp][] = [
    ['id,text,id\n1,2,3\n', /two of its columns are named "id"/],
    ['id,text\n1,2\n3,4,5\n', /line 3.*read to end with ",", and --delimiter says otherwise/],
    ['id;text\n1;"2\n', /[Qq]uote.*";"/],
    [Buffer.from('id,text\n1,\xe9\n', 'latin1'), /line 2 is not UTF-8 text/],
    [Buffer.from('id,text\n1,a\n', 'utf16le'), /line 1 is not UTF-8 text/],
    [Buffer.concat([Buffer.from('\uFEFFid\n', 'utf16le'), Buffer.from([0x00, 0xd8, 0x41, 0x00])]), /begins as UTF-16/],
  ]
  for (const [content, message] of cases) await assert.rejects(rows(content), message)
  for (const wrong of ['', ';;', '"', '\n']) assert.throws(() => readDelimiter(wrong), /one character/)
  assert.equal(readDelimiter('tab'), '\t')
})
