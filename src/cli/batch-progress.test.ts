// How far a batch is, as a terminal and a log show it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../base/clock.ts'
import type { Batch } from './batch-client.ts'
import { batchDisplay } from './batch-progress.ts'

const batch = (completed: number, tokens: number): Batch =>
  ({
    id: 'batch_01m8bme37z96cbz1cf7pfs1ycj',
    status: 'in_progress',
    request_counts: { total: 20_000, completed, failed: 31 },
    usage: { output_tokens: tokens },
    cost: { nano_units: 123_456, currency: 'USD' },
  }) as Batch

/** What is written to a stream, while ten seconds pass between two looks. */
function shown(stream: { readonly isTTY: boolean; readonly columns: number }): string[] {
  const written: string[] = []
  let now = 0
  const clock = { elapsed: () => (now += 10_000) } as Clock
  const out = { ...stream, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream
  const display = batchDisplay(clock, out)
  display.show(batch(1_000, 50_000))
  display.show(batch(3_000, 150_000))
  display.end()
  return written
}

test('a terminal of 80 columns has done, failed, tokens a second, time left and cost', () => {
  const [, second = ''] = shown({ isTTY: true, columns: 80 })
  assert.equal(
    second.replace('\r\u001b[K', ''),
    '3000 of 20000 done, 31 failed  10000.0 tok/s  1m 25s left  0.000123456 USD',
  )
})

test('a log has a line at each tenth, with the id', () => {
  const lines = shown({ isTTY: false, columns: 0 })
  assert.equal(lines.length, 2)
  assert.match(
    lines[1] ?? '',
    /^batch_01m8bme37z96cbz1cf7pfs1ycj {2}in_progress {2}3000 of 20000 done.* left {2}0\.000123456 USD\n$/,
  )
})
