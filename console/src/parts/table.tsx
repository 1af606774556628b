// Items as the rows of a table. Where it is narrow, each row is a card.
import type { ReactNode } from 'react'
import { join } from './class-names.ts'

/** One column. */
export interface Column<Item> {
  readonly name: string
  readonly show: (item: Item) => ReactNode
  /** Figures stand on the right. */
  readonly figures?: boolean
  /** Left out where there is little room. */
  readonly wide?: boolean
  /** What can be done with the row: buttons on the right that need no heading to be seen. */
  readonly actions?: boolean
}

interface TableProps<Item> {
  readonly label: string
  readonly columns: readonly Column<Item>[]
  readonly items: readonly Item[]
  readonly id: (item: Item) => string
}

/** Shown as blocks, a table is none to a screen reader any more: roles say that it is. */
const roles = {
  ...({ table: { role: 'table' }, rowgroup: { role: 'rowgroup' }, row: { role: 'row' } } as const),
  ...({ columnheader: { role: 'columnheader' }, cell: { role: 'cell' } } as const),
}

/** Shows items as rows. */
export function Table<Item>({ label, columns, items, id }: TableProps<Item>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1).
    <section className="@container relative overflow-x-auto" tabIndex={0} aria-label={label}>
      <table {...roles.table} className="w-full text-left text-sm @max-2xl:block">
        <thead {...roles.rowgroup} className="@max-2xl:sr-only">
          <tr {...roles.row} className="border-b border-line text-xs text-muted">
            {columns.map((column, index) => (
              <th
                key={column.name}
                {...roles.columnheader}
                scope="col"
                className={join(place(column, index), 'font-medium whitespace-nowrap first-letter:uppercase')}
              >
                {column.actions === true ? <span className="sr-only">{column.name}</span> : column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody {...roles.rowgroup} className="divide-y divide-line @max-2xl:block">
          {items.map((item) => (
            <tr key={id(item)} {...roles.row} className="hover:bg-raised/60 @max-2xl:block @max-2xl:py-2">
              {columns.map((column, index) => (
                <Cell key={column.name} column={column} index={index}>
                  {column.show(item)}
                </Cell>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** A cell. In a card the first one stands alone above the others, which have their names on the left. */
function Cell<Item>({
  column,
  index,
  children,
}: {
  readonly column: Column<Item>
  readonly index: number
  readonly children: ReactNode
}) {
  const named = index > 0 && column.actions !== true
  return (
    <td
      {...roles.cell}
      className={join(
        place(column, index),
        '@max-2xl:flex @max-2xl:py-1',
        named && '@max-2xl:items-baseline @max-2xl:justify-between @max-2xl:gap-4',
        column.actions === true && '@max-2xl:justify-end @max-2xl:empty:hidden',
      )}
    >
      {named && (
        <span aria-hidden className="hidden shrink-0 text-xs text-muted first-letter:uppercase @max-2xl:block">
          {column.name}
        </span>
      )}
      {named ? <div className="min-w-0 @max-2xl:text-right">{children}</div> : children}
    </td>
  )
}

function place(column: Column<never>, index: number): string {
  return join(
    'px-4 py-2.5',
    // However long a stranger's name is, it breaks, and the columns beside it keep their place.
    index === 0 && 'min-w-32',
    index > 0 && column.figures !== true && column.actions !== true && '@2xl:min-w-20',
    (column.figures === true || column.actions === true) && 'text-right @2xl:wrap-break-word',
    column.wide === true && '@max-4xl:hidden',
  )
}
