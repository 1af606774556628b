// Every page: where it lies, what it is called, and in which group of the navigation. A page is one line here and one folder in pages/.
import { lazyRouteComponent } from '@tanstack/react-router'
import { Activity, Box, ChartColumn, Gauge, KeyRound, type LucideIcon, MessagesSquare } from 'lucide-react'
import type { Permission } from '../../../src/wire/permissions.ts'
import type { text } from './text.ts'

type PageName = Extract<keyof (typeof text)['en'], string>

/** A page of the console. */
export interface Page {
  /** Its address, and its key among the shell's words. */
  readonly path: string
  readonly name: PageName
  /** Where it stands in the navigation; `hidden`: another page leads to it. */
  readonly group: 'build' | 'observe' | 'serve' | 'manage' | 'hidden' | undefined
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
  {
    path: '/traces',
    name: 'traces',
    group: 'observe',
    icon: Activity,
    needs: 'traces.read',
    component: lazyRouteComponent(() => import('../pages/traces/traces.tsx'), 'Traces'),
  },
  {
    path: '/traces/$traceId',
    name: 'traces',
    group: 'hidden',
    icon: Activity,
    component: lazyRouteComponent(() => import('../pages/traces/trace.tsx'), 'Trace'),
  },
  {
    path: '/usage',
    name: 'usage',
    group: 'observe',
    icon: ChartColumn,
    needs: 'usage.read',
    component: lazyRouteComponent(() => import('../pages/usage/usage.tsx'), 'Usage'),
  },
  {
    path: '/models',
    name: 'models',
    group: 'serve',
    icon: Box,
    component: lazyRouteComponent(() => import('../pages/models/models.tsx'), 'Models'),
  },
  {
    path: '/keys',
    name: 'keys',
    group: 'manage',
    icon: KeyRound,
    needs: 'keys.read',
    component: lazyRouteComponent(() => import('../pages/keys/keys.tsx'), 'Keys'),
  },
]
