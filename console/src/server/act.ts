// Changes something on the server and reads anew what it changed.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type CallOptions, call } from './client.ts'

/** What to send, and where. */
export interface Act extends CallOptions {
  readonly path: string
}

/**
 * A change. `stale` is the first word of the queries that it makes old. The body stands in what is given to `mutate`.
 * @param done told of the answer, after the queries were read anew.
 */
export function useAct<Answer = unknown>(stale: string, done?: (answer: Answer) => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ path, ...options }: Act) => call<Answer>(path, options),
    async onSuccess(answer) {
      await queries.invalidateQueries({ queryKey: [stale] })
      done?.(answer)
    },
  })
}
