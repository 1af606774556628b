// Links inside the console. Pages are a list, so the router's types do not know their addresses: this is where that is said, once.
import { type AnyRoute, Link, useRouter } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Permission } from '../../../src/wire/permissions.ts'
import { useSession } from '../server/session.tsx'
import { join } from './class-names.ts'

declare module '@tanstack/react-router' {
  interface StaticDataRouteOption {
    /** What somebody must be allowed to do to see the page. */
    readonly needs?: Permission | undefined
  }
}

interface GoProps {
  readonly to: string
  readonly params?: Readonly<Record<string, string>>
  /** What stands in the address after `?`. */
  readonly search?: object
  /** Id of what is looked at there. */
  readonly hash?: string
  /** `plain`: as the text around it. */
  readonly look?: 'text' | 'plain' | 'button' | 'quiet' | 'back'
  readonly current?: boolean
  readonly className?: string
  readonly children: ReactNode
}

const looks = {
  text: 'text-accent hover:underline',
  plain: 'hover:underline',
  button:
    'inline-flex min-h-9 items-center gap-2 rounded-lg border border-line bg-surface px-3 text-sm font-medium hover:bg-raised',
  /** Beside quiet buttons. */
  quiet:
    'inline-flex min-h-9 items-center rounded-lg px-3 text-sm font-medium whitespace-nowrap text-muted hover:bg-raised hover:text-ink',
  back: 'mb-3 inline-flex items-center gap-1.5 text-sm text-muted hover:text-ink',
}

/** Leads there; for those who may not see that page it says what it says, and no more. */
export function Go({ to, params, search, hash, look = 'text', current, className, children }: GoProps) {
  const { routesByPath } = useRouter()
  const { may } = useSession()
  const needs = (routesByPath as Readonly<Record<string, AnyRoute | undefined>>)[to]?.options.staticData?.needs
  if (needs !== undefined && !may(needs)) return look === 'text' || look === 'plain' ? <span>{children}</span> : null
  return (
    <Link
      to={to as never}
      params={params as never}
      search={search as never}
      {...(hash !== undefined && { hash })}
      aria-current={current === true ? 'true' : undefined}
      className={join(looks[look], className)}
    >
      {children}
    </Link>
  )
}
