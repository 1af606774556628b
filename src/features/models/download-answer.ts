// Reads status lines and headers of a download: what they promise, and what a refusal means for the next attempt. Sends nothing.

import type { EgressResponse } from '../../base/egress.ts'
import { Failure } from '../../base/errors.ts'
import { SourceError } from './download-source.ts'

/** Beyond this a source that asks for patience is given up: another one, or the person, knows better. */
const longestWaitMs = 600_000

/** One header's value; the first where there are several. */
export function header(response: Pick<EgressResponse, 'headers'>, name: string): string | undefined {
  const value = response.headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** A header that is a whole number, else undefined. */
export function numberHeader(response: Pick<EgressResponse, 'headers'>, name: string): number | undefined {
  const value = header(response, name)
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** `Content-Range: bytes 100-199/200` as numbers (RFC 9110 §14.4); undefined where there is none. */
export function contentRange(response: EgressResponse): { start: number; total: number | undefined } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header(response, 'content-range') ?? '')
  if (match === null) return undefined
  return { start: Number(match[1]), total: match[2] === '*' ? undefined : Number(match[2]) }
}

/** What a status other than success means. `signed`: the address was made for us and may have run out, so a new one may work. */
export function statusError(response: EgressResponse, host: string, signed: boolean): SourceError {
  const { status } = response
  const message = header(response, 'x-error-message')
  const reason = `${host} answered ${status}${message === undefined ? '' : ` (${message.slice(0, 200)})`}`
  const passing = [408, 425, 429].includes(status) || status >= 500 || (signed && status === 403)
  const retryAfterMs = retryAfter(response)
  if (retryAfterMs !== undefined && retryAfterMs > longestWaitMs) {
    return new SourceError(`${reason} and asks to wait ${Math.round(retryAfterMs / 1000)} s`, { final: true })
  }
  return new SourceError(reason, { final: !passing, retryAfterMs, answered: true })
}

/** `Retry-After` in milliseconds; the form with a date is left to the usual back-off. */
function retryAfter(response: EgressResponse): number | undefined {
  const seconds = numberHeader(response, 'retry-after')
  return seconds === undefined ? undefined : seconds * 1000
}

/** A fault of the network as a `SourceError`; anything else, a full disk and a cancellation included, as it is. */
export function sourceError(error: unknown): unknown {
  if (!(error instanceof Failure)) return error
  const reason = String(error.fields['reason'] ?? error.message)
  if (error.code === 'egress_failed') return new SourceError(reason, { final: false, cause: error })
  if (error.code === 'egress_refused') return new SourceError(error.message, { final: true, cause: error })
  return error
}
