// Why there is nothing to show: the last failure of a query that never had an answer, also while it is tried again, so that what went wrong
// does not flicker.
import { useRef } from 'react'

/** The error; undefined once there was an answer, and before there was any. */
export function useFailure({
  data,
  error,
}: {
  readonly data: unknown
  readonly error: Error | null
}): Error | undefined {
  const last = useRef<Error>(undefined)
  if (data !== undefined) last.current = undefined
  else if (error !== null) last.current = error
  return last.current
}
