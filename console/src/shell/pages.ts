// Every page: where it lies, what it is called, and in which group of the navigation. A page is one line here and one folder in pages/.
import { lazyRouteComponent } from '@tanstack/react-router'
import {
  Activity,
  Box,
  ChartColumn,
  Files,
  FileText,
  Gauge,
  IdCard,
  KeyRound,
  Layers,
  type LucideIcon,
  MessagesSquare,
  ScrollText,
  SlidersHorizontal,
  Users,
  Wallet,
} from 'lucide-react'
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
    needs: 'models.read',
    component: lazyRouteComponent(() => import('../pages/overview/overview.tsx'), 'Overview'),
  },
  {
    path: '/playground',
    name: 'playground',
    group: 'build',
    icon: MessagesSquare,
    needs: 'models.use',
    component: lazyRouteComponent(() => import('../pages/playground/playground.tsx'), 'Playground'),
  },
  {
    path: '/prompts',
    name: 'prompts',
    group: 'build',
    icon: FileText,
    needs: 'prompts.read',
    component: lazyRouteComponent(() => import('../pages/prompts/prompts.tsx'), 'Prompts'),
  },
  {
    path: '/prompts/$promptId',
    name: 'prompts',
    group: 'hidden',
    icon: FileText,
    needs: 'prompts.read',
    component: lazyRouteComponent(() => import('../pages/prompts/prompt.tsx'), 'PromptPage'),
  },
  {
    path: '/batches',
    name: 'batches',
    group: 'build',
    icon: Layers,
    needs: 'batches.read',
    component: lazyRouteComponent(() => import('../pages/batches/batches.tsx'), 'Batches'),
  },
  {
    path: '/files',
    name: 'files',
    group: 'build',
    icon: Files,
    needs: 'files.read',
    component: lazyRouteComponent(() => import('../pages/files/files.tsx'), 'Files'),
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
    path: '/traces/compare',
    name: 'traces',
    group: 'hidden',
    icon: Activity,
    needs: 'traces.read',
    component: lazyRouteComponent(() => import('../pages/traces/compare.tsx'), 'CompareTraces'),
  },
  {
    path: '/traces/$traceId',
    name: 'traces',
    group: 'hidden',
    icon: Activity,
    needs: 'traces.read',
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
    path: '/usage/calls',
    name: 'usage',
    group: 'hidden',
    icon: ChartColumn,
    needs: 'usage.read',
    component: lazyRouteComponent(() => import('../pages/usage/calls.tsx'), 'UsageCalls'),
  },
  {
    path: '/models',
    name: 'models',
    group: 'serve',
    icon: Box,
    needs: 'server.read',
    component: lazyRouteComponent(() => import('../pages/models/models.tsx'), 'Models'),
  },
  {
    path: '/me',
    name: 'mine',
    group: 'manage',
    icon: IdCard,
    component: lazyRouteComponent(() => import('../pages/mine/mine.tsx'), 'Mine'),
  },
  {
    path: '/keys',
    name: 'keys',
    group: 'manage',
    icon: KeyRound,
    needs: 'keys.read',
    component: lazyRouteComponent(() => import('../pages/keys/keys.tsx'), 'Keys'),
  },
  {
    path: '/members',
    name: 'members',
    group: 'manage',
    icon: Users,
    needs: 'members.read',
    component: lazyRouteComponent(() => import('../pages/members/members.tsx'), 'Members'),
  },
  {
    path: '/limits',
    name: 'limits',
    group: 'manage',
    icon: SlidersHorizontal,
    needs: 'limits.read',
    component: lazyRouteComponent(() => import('../pages/limits/limits.tsx'), 'Limits'),
  },
  {
    path: '/budgets',
    name: 'budgets',
    group: 'manage',
    icon: Wallet,
    needs: 'limits.read',
    component: lazyRouteComponent(() => import('../pages/budgets/budgets.tsx'), 'Budgets'),
  },
  {
    path: '/audit',
    name: 'audit',
    group: 'manage',
    icon: ScrollText,
    needs: 'audit.read',
    component: lazyRouteComponent(() => import('../pages/audit/audit.tsx'), 'Audit'),
  },
]
