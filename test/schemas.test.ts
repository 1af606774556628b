// Every schema of what crosses a boundary is a right JSON Schema. Proved here, because the server does not look: that would cost each start 35 ms.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv } from 'ajv'

const folder = join(import.meta.dirname, '../src/wire')

/** TypeBox marks what it makes. */
const isSchema = (value: unknown): value is object => typeof value === 'object' && value !== null && '~kind' in value

test('every schema of wire/ is right', async () => {
  const judge = new Ajv({ strict: false })
  let judged = 0
  for (const file of globSync('*.ts', { cwd: folder, exclude: ['*.test.ts'] })) {
    const names = Object.entries((await import(join(folder, file))) as Record<string, unknown>)
    for (const [name, schema] of names) {
      if (!isSchema(schema)) continue
      assert.equal(judge.validateSchema(schema), true, `${file} ${name}: ${judge.errorsText()}`)
      judged += 1
    }
  }
  assert.ok(judged > 100, `${judged} schemas`)
})
