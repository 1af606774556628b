// Every page: where it lies, what it is called, and in which group of the navigation. A page is one line here and one folder in pages/.
import { lazyRouteComponent } from '@tanstack/react-router'
import { Gauge, type LucideIcon, MessagesSquare } from 'lucide-react'
import type { Permission } from '../../../src/wire/permissions.ts'
import type { text } from './text.ts'

type PageName = Extract<keyof (typeof text)['en'], string>

/** A page of the console. */
export interface Page {
  /** Its address, and its key among the shell's words. */
  readonly path: string
  readonly name: PageName
  readonly group: 'build' | 'observe' | 'serve' | 'manage' | undefined
  readonly icon: LucideIcon
  /** What somebody must be allowed to do to see it in the navigation. */
  readonly needs?: Permission
  readonly component: ReturnType<typeof lazyRouteComponent>
}

/** The pages in the order of the navigation. Each is loaded when it is first visited. */
export const pages: readonly Page[] = [
  {
    path: '/',
    name: 'overview',
    group: undefined,
    icon: Gauge,
    component: lazyRouteComponent(() => import('../pages/overview/overview.tsx'), 'Overview'),
  },
  {
    path: '/playground',
    name: 'playground',
    group: 'build',
    icon: MessagesSquare,
    component: lazyRouteComponent(() => import('../pages/playground/playground.tsx'), 'Playground'),
  },
]
