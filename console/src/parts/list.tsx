// A list that pages on the server, from the first row to the last: loading, an error, nothing yet, rows, and the way on.
import { useInfiniteQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { call } from '../server/client.ts'
import { Loading, Problem } from './states.tsx'
import { type Column, Table } from './table.tsx'

/** A page of a list: OpenAI's cursors, or Mistral's tokens. */
interface Page<Item> {
  readonly data: readonly Item[]
  readonly has_more?: boolean
  readonly last_id?: string | null
  readonly nextPageToken?: string
}

interface ListProps<Item> {
  readonly label: string
  /** Key of the query; its first word is what changes name. */
  readonly name: readonly string[]
  /** Path with its query, without the cursor. */
  readonly path: string
  readonly columns: readonly Column<Item>[]
  readonly id: (item: Item) => string
  /** What is shown where there is no row. */
  readonly empty: ReactNode
  /** Milliseconds after which it is read again. */
  readonly every?: number
}

/** Shows it. */
export function List<Item>({ label, name, path, columns, id, empty, every }: ListProps<Item>) {
  const list = useInfiniteQuery({
    queryKey: [...name, path],
    initialPageParam: '',
    ...(every !== undefined && { refetchInterval: every }),
    queryFn: ({ pageParam, signal }) =>
      call<Page<Item>>(pageParam === '' ? path : withCursor(path, pageParam), { signal }),
    getNextPageParam: cursorOf,
  })
  if (list.isPending) return <Loading />
  if (list.isError) return <Problem error={list.error} retry={() => void list.refetch()} />
  const items = list.data.pages.flatMap((page) => page.data)
  if (items.length === 0) return empty
  return (
    <Table
      label={label}
      columns={columns}
      items={items}
      id={id}
      more={list.hasNextPage ? () => void list.fetchNextPage() : undefined}
      loading={list.isFetchingNextPage}
    />
  )
}

/** The part of a query that asks for what follows; undefined at the end. */
function cursorOf(page: Page<unknown>): string | undefined {
  if (page.nextPageToken !== undefined) return `pageToken=${encodeURIComponent(page.nextPageToken)}`
  return page.has_more === true && page.last_id != null ? `after=${encodeURIComponent(page.last_id)}` : undefined
}

const withCursor = (path: string, cursor: string) => `${path}${path.includes('?') ? '&' : '?'}${cursor}`
