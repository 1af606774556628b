// The surfaces that a page is made of: its head, panels, single figures.
import type { ReactNode } from 'react'
import { join } from './class-names.ts'
import { Go } from './link.tsx'
import { useTitle } from './title.ts'

/** A page's title, what it is for, and what can be done on it. */
export function PageHead({
  title,
  hint,
  actions,
}: {
  readonly title: string
  readonly hint?: string
  readonly actions?: ReactNode
}) {
  useTitle(title)
  return (
    <header className="mb-6 flex flex-wrap items-start justify-between gap-3">
      <div>
        <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
        {hint !== undefined && <p className="mt-1 max-w-prose text-sm text-muted">{hint}</p>}
      </div>
      {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </header>
  )
}

/** A surface with an optional title; `id`: links lead to it. */
export function Panel({
  id,
  title,
  actions,
  className,
  children,
}: {
  readonly id?: string
  readonly title?: string
  readonly actions?: ReactNode
  readonly className?: string
  readonly children: ReactNode
}) {
  return (
    <section id={id} className={join('rounded-xl border border-line bg-surface', className)}>
      {title !== undefined && (
        <div className="flex flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-3">
          <h2 className="text-sm font-semibold first-letter:uppercase">{title}</h2>
          {actions}
        </div>
      )}
      {children}
    </section>
  )
}

interface FigureProps {
  readonly name: string
  readonly value: string
  readonly note?: ReactNode
  /** Where the rows behind it are. */
  readonly to?: string
  readonly search?: object
  readonly hash?: string
}

/** One figure with its name, and where it leads. */
export function Figure({ name, value, note, to, search, hash }: FigureProps) {
  return (
    <div className="rounded-xl border border-line bg-surface p-4">
      <div className="text-sm text-muted first-letter:uppercase">{name}</div>
      <div className="mt-1 text-2xl font-semibold tracking-tight tabular-nums">
        {to === undefined ? (
          value
        ) : (
          <Go to={to} look="plain" {...(search !== undefined && { search })} {...(hash !== undefined && { hash })}>
            {value}
          </Go>
        )}
      </div>
      {note !== undefined && <div className="mt-1 text-xs text-muted">{note}</div>}
    </div>
  )
}
