// Stop strings split at every place, and held text that turns out harmless.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StopStrings } from './stop-strings.ts'

function feed(stops: string[], pieces: string[]): { text: string; stopped: boolean } {
  const watcher = new StopStrings(stops)
  let text = ''
  for (const piece of pieces) {
    const released = watcher.push(piece)
    text += released.text
    if (released.stopped) return { text, stopped: true }
  }
  return { text: text + watcher.flush(), stopped: false }
}

test('however the text is split, the answer ends before the first stop string', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 })
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(
      fc.array(letters, { maxLength: 8 }),
      fc.array(stop, { minLength: 1, maxLength: 3 }),
      (pieces, stops) => {
        const whole = pieces.join('')
        const { text, stopped } = feed(stops, pieces)
        assert.equal(
          stopped,
          stops.some((word) => whole.includes(word)),
        )
        assert.ok(whole.startsWith(text))
        if (!stopped) assert.equal(text, whole)
        if (stopped) assert.ok(stops.some((word) => whole.startsWith(word, text.length)))
      },
    ),
    { numRuns: 2000 },
  )
})

test('only what may become a stop string is held back', () => {
  const watcher = new StopStrings(['\n\nHuman:', 'END'])
  assert.deepEqual(watcher.push('one E'), { text: 'one ', stopped: false })
  assert.deepEqual(watcher.push('N two\n'), { text: 'EN two', stopped: false })
  assert.deepEqual(watcher.push('\nHum'), { text: '', stopped: false })
  assert.deepEqual(watcher.push('an: x'), { text: '', stopped: true })
})
