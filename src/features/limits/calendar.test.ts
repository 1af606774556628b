import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTimeZone, type Period, windowAt } from './calendar.ts'

const text = (at: number) => new Date(at).toISOString()
const window = (period: Period, zone: string, at: string) => {
  const { opensAt, closesAt } = windowAt(period, zone, Date.parse(at))
  return [text(opensAt), text(closesAt)]
}

test('a month begins at midnight of its first day, there', () => {
  assert.deepEqual(window('month', 'UTC', '2026-11-26T02:20:00Z'), [
    '2026-11-01T00:00:00.000Z',
    '2026-12-01T00:00:00.000Z',
  ])
  assert.deepEqual(window('month', 'Europe/Paris', '2026-10-31T23:30:00Z'), [
    '2026-10-31T23:00:00.000Z',
    '2026-11-30T23:00:00.000Z',
  ])
  assert.deepEqual(window('month', 'Asia/Kathmandu', '2026-12-31T18:15:00Z'), [
    '2026-12-31T18:15:00.000Z',
    '2027-01-31T18:15:00.000Z',
  ])
})

test('the days on which clocks change have 23 and 25 hours', () => {
  const length = (at: string) => {
    const { opensAt, closesAt } = windowAt('day', 'Europe/Paris', Date.parse(at))
    return (closesAt - opensAt) / 3_600_000
  }
  assert.equal(length('2026-03-29T12:00:00Z'), 23)
  assert.equal(length('2026-10-25T12:00:00Z'), 25)
  assert.equal(length('2026-11-26T12:00:00Z'), 24)
})

test('weeks begin on Monday, years in January, and ever does not end', () => {
  assert.deepEqual(window('week', 'UTC', '2026-11-29T23:59:59Z'), [
    '2026-11-23T00:00:00.000Z',
    '2026-11-30T00:00:00.000Z',
  ])
  assert.deepEqual(window('year', 'America/New_York', '2027-01-01T04:00:00Z')[0], '2026-01-01T05:00:00.000Z')
  assert.deepEqual(windowAt('ever', 'UTC', 1), { opensAt: 0, closesAt: Number.MAX_SAFE_INTEGER })
})

test('every moment lies in its window, and every window begins on a quarter of an hour', () => {
  const zones = ['UTC', 'Europe/Paris', 'America/St_Johns', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Africa/Cairo']
  for (const zone of zones) {
    for (const period of ['day', 'week', 'month', 'year'] as const) {
      for (let at = Date.parse('2026-01-01T00:00:00Z'); at < Date.parse('2027-02-01T00:00:00Z'); at += 7_777_777_77) {
        const { opensAt, closesAt } = windowAt(period, zone, at)
        assert.ok(opensAt <= at && at < closesAt, `${zone} ${period} ${text(at)}`)
        assert.equal(opensAt % 900_000, 0)
        assert.deepEqual(windowAt(period, zone, closesAt).opensAt, closesAt)
      }
    }
  }
})

test('time zones are known by their names', () => {
  assert.equal(isTimeZone('Europe/Paris'), true)
  assert.equal(isTimeZone('Europe/Lutetia'), false)
})
