// Calendar windows in a time zone: which day, week, month or year a moment lies in, from midnight to midnight there. Pure.
import { Temporal } from 'temporal-polyfill'

/** How long a window is. Weeks begin on Monday. */
export type Period = 'day' | 'week' | 'month' | 'year' | 'ever'

/** A window: from `opensAt`, up to and without `closesAt`. Milliseconds since 1970. */
export interface CalendarWindow {
  readonly opensAt: number
  readonly closesAt: number
}

const ever: CalendarWindow = { opensAt: 0, closesAt: Number.MAX_SAFE_INTEGER }

/** The window that holds `at`. Days of a change of clocks have 23 or 25 hours. */
export function windowAt(period: Period, timeZone: string, at: number): CalendarWindow {
  if (period === 'ever') return ever
  const day = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone).toPlainDate()
  const first = {
    day: () => day,
    week: () => day.subtract({ days: day.dayOfWeek - 1 }),
    month: () => day.with({ day: 1 }),
    year: () => day.with({ month: 1, day: 1 }),
  }[period]()
  const next = first.add({ [`${period}s`]: 1 })
  // Midnight, or the first moment there is where clocks jump over it.
  const opening = (date: Temporal.PlainDate) => date.toZonedDateTime(timeZone).epochMilliseconds
  return { opensAt: opening(first), closesAt: opening(next) }
}

/** Whether there is a time zone of that name. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
