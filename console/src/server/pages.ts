// Lists that the server answers in pages: read on as somebody asks for more, or to the end where all of it is needed.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { call } from './client.ts'

/** A page of a list: OpenAI's cursors, or Mistral's tokens. */
export interface Page<Item> {
  readonly data: readonly Item[]
  readonly has_more?: boolean
  readonly last_id?: string | null
  readonly nextPageToken?: string
}

/** A list, its first page at first. `name` is the key of the query, `path` has its query without the cursor, `every` is in milliseconds. */
export function usePages<Answer extends Page<unknown>>(name: readonly string[], path: string, every?: number) {
  return useInfiniteQuery({
    queryKey: [...name, path],
    initialPageParam: '',
    ...(every !== undefined && { refetchInterval: every }),
    queryFn: ({ pageParam, signal }) => call<Answer>(withCursor(path, pageParam), { signal }),
    getNextPageParam: cursorOf,
  })
}

interface AllOptions {
  readonly enabled?: boolean
  readonly every?: number
}

/** Every item of a list: for what is chosen from, and for what one row alone does not tell. */
export function useAll<Item>(name: readonly string[], path: string, { enabled = true, every }: AllOptions = {}) {
  return useQuery({
    queryKey: [...name, 'all', path],
    enabled,
    ...(every !== undefined && { refetchInterval: every }),
    async queryFn({ signal }) {
      const items: Item[] = []
      for (let cursor: string | undefined = ''; cursor !== undefined; ) {
        const page: Page<Item> = await call(withCursor(path, cursor), { signal })
        items.push(...page.data)
        cursor = cursorOf(page)
      }
      return items
    },
  })
}

/** The part of a query that asks for what follows; undefined at the end. */
function cursorOf(page: Page<unknown>): string | undefined {
  if (page.nextPageToken !== undefined) return `pageToken=${encodeURIComponent(page.nextPageToken)}`
  return page.has_more === true && page.last_id != null ? `after=${encodeURIComponent(page.last_id)}` : undefined
}

function withCursor(path: string, cursor: string): string {
  if (cursor === '') return path
  return `${path}${path.includes('?') ? '&' : '?'}${cursor}`
}
