// Prefixes in files over a real context: found again after a restart, by their own workspace and weights alone, whole or not at all.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { type Stream, type StreamDisk, Streams } from '../../src/engine/child/streams.ts'
import { starterModel } from '../support/weights.ts'
import { feed } from './greedy-control.ts'
import { difference, TestEngine } from './open-engine.ts'

const costs = { prefill: () => Number.POSITIVE_INFINITY, step: () => Number.POSITIVE_INFINITY }
const megabyte = 2 ** 20
const mine = JSON.stringify(['mine', 'scope', null])
const options = { streams: 1, contextLength: 512 }
const tokens = (from: number) => Array.from({ length: 70 }, (_, index) => from + ((index * 7) % 900))

let engine: TestEngine
let folder: string
before(async () => {
  engine = await TestEngine.load(await starterModel())
})
beforeEach(async () => {
  await rm(folder ?? '', { recursive: true, force: true })
  folder = await mkdtemp(join(tmpdir(), 'galerne-prefixes-'))
})
after(async () => {
  engine?.free()
  await rm(folder, { recursive: true, force: true })
})

const disk = (changes: Partial<StreamDisk> = {}): StreamDisk => {
  return { folder, bytes: 64 * megabyte, keepMs: 3_600_000, identity: 'weights', ...changes }
}

/** Streams as after a start: nothing in the engine, nothing in host memory. */
function started(changes: Partial<StreamDisk> = {}) {
  const context = engine.context(options)
  const streams = new Streams(context, systemClock, 64 * megabyte, costs, disk(changes))
  const run = (prompt: readonly number[], scope = mine): { logits: Float32Array; cached: number; stream: Stream } => {
    const stream = streams.take(scope, prompt, true)
    assert.ok(stream !== undefined)
    const cached = stream.tokens.length
    const row = feed(context, prompt, cached, stream.id)
    streams.decoded()
    streams.append(stream, prompt.slice(cached))
    streams.release(stream)
    return { logits: context.logits(row).slice(), cached, stream }
  }
  return { context, run }
}

async function files(): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  return names.filter((name) => name.endsWith('.kv')).map((name) => join(folder, name))
}

/** Displaces prompts so that they lie in files; resolves to those once they are written. */
async function filled(count: number, changes: Partial<StreamDisk> = {}): Promise<string[]> {
  const { run } = started(changes)
  for (let index = 0; index < count; index += 1) {
    run(tokens(1000 + index * 1000))
    run([9, 8, 7, 6, 5, index])
    while ((await files()).length < Math.min(count, index + 1)) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return files()
}

test('a prompt that made room is found again after a restart, with the same logits', async () => {
  const [path] = await filled(1)
  assert.equal((await stat(path ?? '')).mode & 0o777, 0o600)
  assert.equal((await stat(join(path ?? '', '..'))).mode & 0o777, 0o700)
  const { run } = started()
  const prompt = [...tokens(1000), 5, 6]
  const { logits, cached } = run(prompt)
  assert.equal(cached, 70)
  const control = engine.context(options)
  feed(control, tokens(1000), 0)
  assert.equal(difference(logits, control.logits(feed(control, prompt, 70)).slice()), 0)
})

test('no other workspace, adapter, weights or engine finds it', async () => {
  await filled(1)
  for (const scope of [
    ['other', 'scope', null],
    ['mine', 'scope', 'adapter'],
    ['mine', 'else', null],
  ])
    assert.equal(started().run(tokens(1000), JSON.stringify(scope)).cached, 0)
  assert.equal(started({ identity: 'other weights' }).run(tokens(1000)).cached, 0)
  assert.equal(started().run(tokens(1000)).cached, 69, 'and it is still there for its own')
})

test('a file that is damaged, cut or gone is forgotten, and the prompt is read', async () => {
  for (const damage of ['flip', 'cut', 'gone']) {
    const [path = ''] = await filled(1)
    const { run } = started()
    const content = await readFile(path)
    content[content.length - 9] = (content[content.length - 9] ?? 0) ^ 1
    if (damage === 'gone') await rm(path)
    else await writeFile(path, damage === 'flip' ? content : content.subarray(0, content.length / 2))
    assert.equal(run(tokens(1000)).cached, 0, damage)
    assert.deepEqual(await files(), [], damage)
  }
})

test('files are bounded in size and in age', async () => {
  const paths = await filled(3)
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  const room = Math.max(...sizes) * 2 + 100
  started({ bytes: room })
  assert.equal((await files()).length, 2)
  const [old = ''] = await files()
  await utimes(old, new Date(0), new Date(0))
  started()
  assert.equal((await files()).length, 1)
  await writeFile(join(folder, 'left.part'), 'x')
  started({ bytes: 0 })
  assert.deepEqual(await readdir(folder, { recursive: true }).then((all) => all.filter((name) => /\./.test(name))), [])
})
