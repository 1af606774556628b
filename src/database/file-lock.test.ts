// The lock holds between processes and dies with its holder.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { withFileLock } from './file-lock.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-lock-'))
})
after(() => rm(folder, { recursive: true, force: true }))

test('two holders in one process take turns', async () => {
  const path = join(folder, 'turns.lock')
  const events: string[] = []
  const hold = (name: string) =>
    withFileLock(path, async () => {
      events.push(`${name} in`)
      await new Promise((resolve) => setTimeout(resolve, 20))
      events.push(`${name} out`)
      return name
    })
  assert.deepEqual(await Promise.all([hold('a'), hold('b')]), ['a', 'b'])
  assert.deepEqual(events, ['a in', 'a out', 'b in', 'b out'])
})

test('waits for another process, and has the lock when that process is killed', async () => {
  const path = join(folder, 'killed.lock')
  const script = `import { withFileLock } from ${JSON.stringify(join(import.meta.dirname, 'file-lock.ts'))}
    await withFileLock(${JSON.stringify(path)}, async () => { console.log('held'); await new Promise((r) => setTimeout(r, 60_000)) })`
  const holder = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script])
  await once(holder.stdout, 'data')
  let waited = 0
  const entered = withFileLock(path, async () => 'entered', {
    onWait: () => {
      waited++
      holder.kill('SIGKILL')
    },
  })
  assert.equal(await entered, 'entered')
  assert.equal(waited, 1)
})

test('waiting ends with its signal', async () => {
  const path = join(folder, 'abort.lock')
  await withFileLock(path, async () => {
    const abort = new AbortController()
    const waiting = withFileLock(path, async () => 'never', { signal: abort.signal, onWait: () => abort.abort() })
    await assert.rejects(waiting, { name: 'AbortError' })
  })
})

test('an action that throws releases the lock', async () => {
  const path = join(folder, 'throws.lock')
  await assert.rejects(
    withFileLock(path, async () => {
      throw new Error('no luck')
    }),
    /no luck/,
  )
  assert.equal(await withFileLock(path, async () => 'free'), 'free')
})
