// The query of a search's path: time, page and cursor, as both vendors' clients and the console write them. Pure.
import type { Static } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { SearchQuery } from '../../wire/observability.ts'
import type { Search } from './search.ts'

const usualPage = 50
const largestPage = 100

/** Reads them; throws `invalid_value` that names what is wrong. */
export function readPage(
  query: Static<typeof SearchQuery>,
  expression: string | null | undefined,
  workspace: string,
): Search {
  const from = readTime(query.from, 'from')
  const to = readTime(query.to, 'to')
  const limit = Number(query.page_size ?? usualPage)
  if (limit < 1 || limit > largestPage) {
    throw fail('invalid_value', { param: 'page_size', reason: `it must be from 1 to ${largestPage}` })
  }
  return {
    workspace,
    limit,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(typeof expression === 'string' && { expression }),
    ...(query.cursor !== undefined && { cursor: query.cursor }),
  }
}

/** Microseconds since 1970 of an ISO date; undefined where there is none. */
export function readTime(value: string | undefined, param: string): number | undefined {
  if (value === undefined || value === '') return undefined
  const milliseconds = Date.parse(value)
  if (!Number.isFinite(milliseconds)) throw fail('invalid_value', { param, reason: 'it is not an ISO date and time' })
  return milliseconds * 1_000
}
