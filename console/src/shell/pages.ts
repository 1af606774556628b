// Every page: where it lies, what it is called, and in which group of the navigation. A page is one line here and one folder in pages/.
import { lazyRouteComponent } from '@tanstack/react-router'
import { Gauge, type LucideIcon, MessagesSquare } from 'lucide-react'

/** A page of the console. */
export interface Page {
  /** Its address, and its key among the shell's words. */
  readonly path: string
  readonly name: 'overview' | 'playground' | 'models'
  readonly group: 'build' | 'observe' | 'serve' | 'manage' | undefined
  readonly icon: LucideIcon
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
