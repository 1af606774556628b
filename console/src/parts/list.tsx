// A list that pages on the server, from the first row to the last: loading, an error, nothing yet, rows, and the way on.
import type { ReactNode } from 'react'
import { useFailure } from '../server/failure.ts'
import { type Page, usePages } from '../server/pages.ts'
import { More } from './more.tsx'
import { Loading, Problem } from './states.tsx'
import { type Column, Table } from './table.tsx'

interface PagesProps<Item, Answer> {
  /** Key of the query; its first word is what changes name. */
  readonly name: readonly string[]
  /** Path with its query, without the cursor. */
  readonly path: string
  /** What is shown where there is no row. */
  readonly empty: ReactNode
  /** Milliseconds after which it is read again. */
  readonly every?: number
  /** Shows the items; what the answer tells beside them stands in `first`. */
  readonly children: (items: readonly Item[], first: Answer) => ReactNode
}

/** Shows it as its page likes. */
export function Pages<Item, Answer extends Page<Item> = Page<Item>>({
  name,
  path,
  empty,
  every,
  children,
}: PagesProps<Item, Answer>) {
  const list = usePages<Answer>(name, path, every)
  const failure = useFailure(list)
  if (failure !== undefined) return <Problem error={failure} retry={() => void list.refetch()} />
  if (list.data === undefined) return <Loading />
  const [first] = list.data.pages
  const items = list.data.pages.flatMap((page) => page.data)
  if (first === undefined || items.length === 0) return empty
  return (
    <>
      {/* What was read before stays: a server that is away for a moment takes no page away. */}
      {list.isError && <Problem error={list.error} />}
      {children(items, first)}
      <More list={list} />
    </>
  )
}

interface ListProps<Item> extends Omit<PagesProps<Item, Page<Item>>, 'children'> {
  readonly label: string
  readonly columns: readonly Column<Item>[]
  readonly id: (item: Item) => string
}

/** Shows it as a table. */
export function List<Item>({ label, columns, id, ...pages }: ListProps<Item>) {
  return <Pages<Item> {...pages}>{(items) => <Table label={label} columns={columns} items={items} id={id} />}</Pages>
}
