// A clock for servers that count by minutes, days and months: no test straddles the end of one, whenever it runs.
import { type Clock, systemClock } from '../../src/base/clock.ts'

/** Noon (UTC) of the day on which the test file began, and running from there. */
export const middayClock: Clock = (() => {
  const began = systemClock.now()
  const ahead = new Date(began).setUTCHours(12, 0, 0, 0) - began
  return { now: () => systemClock.now() + ahead, elapsed: () => systemClock.elapsed() }
})()
