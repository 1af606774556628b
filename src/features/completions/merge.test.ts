// Several calls at once: nothing lost, not too many together, and one end for all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelEvent } from '../../wire/model.ts'
import { mergeCalls, type PromptEvent, type Start } from './merge.ts'

const text = (words: string): ModelEvent => ({ type: 'text-delta', choice: 0, text: words })

async function collect(events: AsyncIterable<PromptEvent>): Promise<string[]> {
  const seen: string[] = []
  for await (const event of events) if (event.type === 'text-delta') seen.push(`${event.prompt}${event.text}`)
  return seen
}

/** A call that notes when it runs, yields its words one turn of the loop apart, and ends when it is told to. */
function call(words: string[], running: Set<string>, most: { count: number }): Start {
  return async function* (signal) {
    const id = words.join()
    running.add(id)
    most.count = Math.max(most.count, running.size)
    try {
      for (const word of words) {
        await new Promise(setImmediate)
        if (signal.aborted) return
        yield text(word)
      }
    } finally {
      running.delete(id)
    }
  }
}

test('every event arrives with its prompt, in order within a prompt, and only so many calls run together', async () => {
  const running = new Set<string>()
  const most = { count: 0 }
  const starts = Array.from({ length: 7 }, (_, prompt) =>
    call([`a${prompt}`, `b${prompt}`, `c${prompt}`], running, most),
  )
  const seen = await collect(mergeCalls(starts, 3, new AbortController().signal))
  for (let prompt = 0; prompt < 7; prompt++) {
    const own = seen.filter((word) => word.startsWith(`${prompt}`))
    assert.deepEqual(
      own,
      ['a', 'b', 'c'].map((letter) => `${prompt}${letter}${prompt}`),
    )
  }
  assert.equal(seen.length, 21)
  assert.equal(most.count, 3)
  assert.equal(running.size, 0)
})

test('the failure of one call ends the others', async () => {
  const running = new Set<string>()
  const most = { count: 0 }
  const broken: Start = async function* () {
    await new Promise(setImmediate)
    yield text('x')
    throw new Error('broken')
  }
  const endless = call(
    Array.from({ length: 10_000 }, () => 'word'),
    running,
    most,
  )
  await assert.rejects(collect(mergeCalls([endless, broken], 2, new AbortController().signal)), /broken/)
  assert.equal(running.size, 0)
})

test('leaving the iteration ends every call', async () => {
  const running = new Set<string>()
  const most = { count: 0 }
  const starts = ['a', 'b'].map((word) =>
    call(
      Array.from({ length: 10_000 }, () => word),
      running,
      most,
    ),
  )
  for await (const event of mergeCalls(starts, 2, new AbortController().signal)) {
    assert.equal(event.type, 'text-delta')
    break
  }
  assert.equal(running.size, 0)
})

test('a failure waits for a consumer that is busy, and is not taken for unhandled', async () => {
  const broken: Start = async function* () {
    yield text('x')
    throw new Error('broken')
  }
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  try {
    await assert.rejects(async () => {
      for await (const event of mergeCalls([broken], 1, new AbortController().signal)) {
        assert.equal(event.type, 'text-delta')
        for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
      }
    }, /broken/)
  } finally {
    process.off('unhandledRejection', note)
  }
  assert.deepEqual(unhandled, [])
})
