// The navigation: every page by group. On a narrow screen it is a drawer behind a button.
import { Dialog } from '@base-ui/react/dialog'
import { Link } from '@tanstack/react-router'
import { Menu, X } from 'lucide-react'
import { useState } from 'react'
import { useWords } from '../language/language.tsx'
import { IconButton } from '../parts/button.tsx'
import { useSession } from '../server/session.tsx'
import { GoTo } from './go-to.tsx'
import { type Page, pages } from './pages.ts'
import { Preferences } from './preferences.tsx'
import { text } from './text.ts'

/** The navigation beside the page, from a tablet's width on. */
export function Sidebar() {
  return (
    <aside className="sticky top-0 hidden h-screen w-60 shrink-0 flex-col border-r border-line bg-surface md:flex">
      <Brand />
      <GoTo />
      <Navigation />
      <Preferences />
    </aside>
  )
}

/** The bar of a narrow screen, with the navigation behind a button. */
export function NarrowBar() {
  const t = useWords(text)
  const [open, setOpen] = useState(false)
  return (
    <header className="sticky top-0 z-10 flex items-center justify-between border-b border-line bg-surface pr-2 md:hidden">
      <Brand />
      <Dialog.Root open={open} onOpenChange={setOpen}>
        <Dialog.Trigger render={<IconButton label={t('menu')} />}>
          <Menu aria-hidden className="size-5" />
        </Dialog.Trigger>
        <Dialog.Portal>
          <Dialog.Backdrop className="fixed inset-0 z-20 bg-black/40" />
          <Dialog.Popup className="fixed inset-y-0 left-0 z-30 flex w-72 max-w-[85vw] flex-col border-r border-line bg-surface outline-none">
            <div className="flex items-center justify-between pr-2">
              <Dialog.Title className="sr-only">{t('navigation')}</Dialog.Title>
              <Brand />
              <Dialog.Close render={<IconButton label={t('close')} />}>
                <X aria-hidden className="size-5" />
              </Dialog.Close>
            </div>
            <Navigation leave={() => setOpen(false)} />
            <Preferences />
          </Dialog.Popup>
        </Dialog.Portal>
      </Dialog.Root>
    </header>
  )
}

function Brand() {
  return (
    <div className="flex items-center gap-2.5 px-5 py-4">
      <img src="/galerne.svg" alt="" className="size-7" />
      <span className="text-lg font-semibold tracking-tight">Galerne</span>
    </div>
  )
}

const groups = [undefined, 'build', 'observe', 'serve', 'manage'] as const

function Navigation({ leave }: { readonly leave?: () => void }) {
  const t = useWords(text)
  const { may } = useSession()
  return (
    <nav aria-label={t('navigation')} className="flex-1 overflow-y-auto px-3 pb-4">
      {groups.map((group) => {
        const inside = pages.filter((page) => page.group === group && (page.needs === undefined || may(page.needs)))
        if (inside.length === 0) return null
        return (
          <div key={group ?? 'first'} className="mb-4">
            {group !== undefined && (
              <div className="px-2 pb-1 text-xs font-medium tracking-wide text-muted uppercase">{t(group)}</div>
            )}
            <ul>
              {inside.map((page) => (
                <li key={page.path}>
                  <Entry page={page} {...(leave !== undefined && { leave })} />
                </li>
              ))}
            </ul>
          </div>
        )
      })}
    </nav>
  )
}

function Entry({ page, leave }: { readonly page: Page; readonly leave?: () => void }) {
  const t = useWords(text)
  const Icon = page.icon
  return (
    <Link
      to={page.path}
      {...(leave !== undefined && { onClick: leave })}
      activeOptions={{ exact: page.path === '/' }}
      activeProps={{ className: 'bg-accent-soft text-accent font-medium' }}
      inactiveProps={{ className: 'text-ink hover:bg-raised' }}
      className="flex items-center gap-2.5 rounded-lg px-2 py-2 text-sm"
    >
      <Icon aria-hidden className="size-4" />
      {t(page.name)}
    </Link>
  )
}
