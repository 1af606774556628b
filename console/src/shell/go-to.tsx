// One key that leads everywhere: Ctrl K (⌘ K) opens a field, and what is typed finds pages, or the trace of a request by its id.
import { Dialog } from '@base-ui/react/dialog'
import { Search } from 'lucide-react'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useWords } from '../language/language.tsx'
import { Loading } from '../parts/states.tsx'
import { text } from './text.ts'

// The list is larger than its button, and comes after the page.
const load = () => import('./places.tsx')
const Places = lazy(async () => ({ default: (await load()).Places }))

const isMac = /mac|iphone|ipad/i.test(navigator.userAgent)

/** The button that says which key it is, and the dialog behind both. */
export function GoTo() {
  const t = useWords(text)
  const [open, setOpen] = useState(false)
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || event.altKey || event.shiftKey) return
      if (isMac ? !event.metaKey : !event.ctrlKey) return
      event.preventDefault()
      setOpen((before) => !before)
    }
    document.addEventListener('keydown', press)
    const soon = setTimeout(() => void load(), 1_000)
    return () => {
      document.removeEventListener('keydown', press)
      clearTimeout(soon)
    }
  }, [])
  return (
    <Dialog.Root open={open} onOpenChange={setOpen}>
      <Dialog.Trigger
        aria-keyshortcuts={isMac ? 'Meta+K' : 'Control+K'}
        className="mx-3 mb-3 flex min-h-9 items-center gap-2 rounded-lg border border-line bg-ground px-2.5 text-sm text-muted hover:text-ink"
      >
        <Search aria-hidden className="size-4" />
        <span className="flex-1 text-left">{t('goTo')}</span>
        <kbd className="rounded border border-line bg-surface px-1.5 font-sans text-xs">{isMac ? '⌘ K' : 'Ctrl K'}</kbd>
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-black/40" />
        <Dialog.Popup className="fixed top-[12vh] left-1/2 z-50 flex max-h-[70vh] w-[min(34rem,calc(100vw-2rem))] -translate-x-1/2 flex-col overflow-hidden rounded-xl border border-line bg-surface shadow-xl outline-none">
          <Dialog.Title className="sr-only">{t('goTo')}</Dialog.Title>
          <Suspense fallback={<Loading />}>
            <Places leave={() => setOpen(false)} />
          </Suspense>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
