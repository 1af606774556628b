// A table that pages on the server: rows that lead somewhere, and the way on where there is more.
import type { ReactNode } from 'react'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { Button } from './button.tsx'
import { join } from './class-names.ts'

const text = words({
  en: { more: 'Show more', loading: 'Loading…' },
  fr: { more: 'Afficher la suite', loading: 'Chargement…' },
})

/** One column. */
export interface Column<Item> {
  readonly name: string
  readonly show: (item: Item) => ReactNode
  /** Figures stand on the right. */
  readonly figures?: boolean
  /** Left out on narrow screens. */
  readonly wide?: boolean
  /** What can be done with the row: buttons on the right that need no heading to be seen. */
  readonly actions?: boolean
}

interface TableProps<Item> {
  readonly label: string
  readonly columns: readonly Column<Item>[]
  readonly items: readonly Item[]
  readonly id: (item: Item) => string
  /** Asks for the next page, where there is one. */
  readonly more?: (() => void) | undefined
  readonly loading?: boolean
}

/** Shows items as rows. */
export function Table<Item>({ label, columns, items, id, more, loading }: TableProps<Item>) {
  const t = useWords(text)
  const place = (column: Column<Item>, index: number) =>
    join(
      'px-4 py-2.5',
      // However long a stranger's name is, it breaks, and the columns beside it keep their place.
      index === 0 && 'min-w-32 wrap-anywhere',
      (column.figures === true || column.actions === true) && 'text-right',
      column.wide === true && 'hidden lg:table-cell',
    )
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1). */}
      <section className="relative overflow-x-auto" tabIndex={0} aria-label={label}>
        <table className="w-full text-left text-sm">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              {columns.map((column, index) => (
                <th
                  key={column.name}
                  scope="col"
                  className={join(place(column, index), 'font-medium whitespace-nowrap first-letter:uppercase')}
                >
                  {column.actions === true ? <span className="sr-only">{column.name}</span> : column.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {items.map((item) => (
              <tr key={id(item)} className="hover:bg-raised/60">
                {columns.map((column, index) => (
                  <td key={column.name} className={place(column, index)}>
                    {column.show(item)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {more !== undefined && (
        <div className="border-t border-line p-3 text-center">
          <Button onClick={more} disabled={loading === true}>
            {t(loading === true ? 'loading' : 'more')}
          </Button>
        </div>
      )}
    </>
  )
}
