// CSV as spreadsheets read it: every text comes back as it was, and none of them runs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import { csv } from './csv.ts'

test('every text comes back as it was, with an apostrophe before what would be a formula', () => {
  const plain = ['a', 'a,b', 'say "no"', 'two\r\nlines', '', "it's", 'a=1', 'ends with -']
  const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1+1', '＋1', '－1', '＠x', '="a",b']
  const rows = [...plain, ...formulas].map((text, index) => ({ index, text, none: null }))
  const read = parse(csv(rows, ['index', 'text', 'none']), { columns: true, relax_column_count: false }) as object[]
  assert.deepEqual(
    read,
    rows.map(({ index, text }) => ({ index: String(index), text: index < plain.length ? text : `'${text}`, none: '' })),
  )
})
