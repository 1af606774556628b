// Links inside the console. Pages are a list, so the router's types do not know their addresses: this is where that is said, once.
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { join } from './class-names.ts'

interface GoProps {
  readonly to: string
  readonly params?: Readonly<Record<string, string>>
  /** What stands in the address after `?`. */
  readonly search?: object
  /** `plain`: as the text around it. */
  readonly look?: 'text' | 'plain' | 'button' | 'back'
  readonly current?: boolean
  readonly className?: string
  readonly children: ReactNode
}

const looks = {
  text: 'text-accent hover:underline',
  plain: 'hover:underline',
  button:
    'inline-flex min-h-9 items-center gap-2 rounded-lg border border-line bg-surface px-3 text-sm font-medium hover:bg-raised',
  back: 'mb-3 inline-flex items-center gap-1.5 text-sm text-muted hover:text-ink',
}

/** Leads there. */
export function Go({ to, params, search, look = 'text', current, className, children }: GoProps) {
  return (
    <Link
      to={to as never}
      params={params as never}
      search={search as never}
      aria-current={current === true ? 'true' : undefined}
      className={join(looks[look], className)}
    >
      {children}
    </Link>
  )
}
