// What the buffer promises under pressure: whole calls are shed and counted, an application is told to come back, and what was taken is written.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { createLog } from '../../base/log.ts'
import { traceBuffer } from './buffer.ts'
import { galerneSpan } from './record.ts'
import type { OwnedSpan, SpanRows } from './rows.ts'

const log = createLog({ level: 'silent' })
const limits = { spans: 10, batch: 4, gatherMs: 1, awaitedMs: 1 }

function spans(count: number): OwnedSpan[] {
  const place = { traceId: 'a'.repeat(32), parentSpanId: null, startedAt: 1, endedAt: 2 }
  const own = { workspace: 'w', key: null, source: 'galerne', keepsContent: false } as const
  return Array.from({ length: count }, () => ({ ...own, span: galerneSpan(place) }))
}

/** A store whose writes wait for a gate, or fail. */
function slowStore() {
  const written: SpanRows[] = []
  const gate = Promise.withResolvers<void>()
  return {
    written,
    open: () => gate.resolve(),
    append: async (rows: readonly SpanRows[]) => {
      await gate.promise
      written.push(...rows)
      return rows.length
    },
  }
}

test('a full buffer sheds whole calls, counts them and says when; what had room is written', async () => {
  const store = slowStore()
  const buffer = traceBuffer(store, { clock: systemClock, log, limits })
  assert.deepEqual(buffer.counts(), { shed: 0, shedAt: undefined, waiting: 0, room: 10 })
  buffer.offer(spans(4))
  buffer.offer(spans(4))
  const before = systemClock.now()
  buffer.offer(spans(4))
  const { shed, shedAt, waiting } = buffer.counts()
  assert.deepEqual([shed, waiting], [4, 8])
  assert.ok((shedAt ?? 0) >= before)
  assert.throws(() => buffer.take(spans(3)), { code: 'traces_busy' })
  const taken = buffer.take(spans(2))
  store.open()
  await taken
  await buffer.settled()
  assert.deepEqual([store.written.length, buffer.counts().waiting, buffer.counts().shed], [10, 0, 4])
  buffer.offer(spans(1))
  await buffer.close()
  assert.equal(store.written.length, 11)
})

test('a database that fails for a while loses nothing that was taken', async () => {
  const written: SpanRows[] = []
  let failures = 2
  const store = {
    append: async (rows: readonly SpanRows[]) => {
      if (failures-- > 0) throw new Error('away')
      written.push(...rows)
      return rows.length
    },
  }
  const buffer = traceBuffer(store, { clock: systemClock, log, limits })
  buffer.offer(spans(6))
  await buffer.take(spans(2))
  await buffer.close()
  assert.equal(written.length, 8)
})

test('spans that the database refuses for good are counted and told, and the others are written', async () => {
  const written: SpanRows[] = []
  const store = {
    append: async (rows: readonly SpanRows[]) => {
      if (rows.some(({ span }) => span.name === 'poison')) throw Object.assign(new Error('data'), { code: '22021' })
      written.push(...rows)
      return rows.length
    },
  }
  const buffer = traceBuffer(store, { clock: systemClock, log, limits })
  const poison = spans(1).map((one) => ({ ...one, span: { ...one.span, name: 'poison' } }))
  buffer.offer(spans(1))
  const refused = assert.rejects(buffer.take(poison), { code: 'invalid_value', param: 'resourceSpans' })
  const taken = buffer.take(spans(2))
  await refused
  await taken
  buffer.offer(spans(3))
  await buffer.close()
  assert.deepEqual([written.length, buffer.counts().shed, buffer.counts().waiting], [6, 1, 0])
})
