// A dialog over the page: focus stays inside, Escape closes it, and what opened it has the focus again afterwards.
import { Dialog as Base } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import type { ReactElement, ReactNode } from 'react'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { IconButton } from './button.tsx'

const text = words({ en: { close: 'Close' }, fr: { close: 'Fermer' } })

interface DialogProps {
  readonly title: string
  readonly hint?: string
  /** The button that opens it; without one, `open` and `change` say when it is there. */
  readonly trigger?: ReactElement
  readonly open?: boolean
  readonly change?: (open: boolean) => void
  readonly children: ReactNode
}

/** Shows its children over the page. */
export function Dialog({ title, hint, trigger, open, change, children }: DialogProps) {
  const t = useWords(text)
  return (
    <Base.Root
      {...(open !== undefined && { open })}
      {...(change !== undefined && { onOpenChange: (next) => change(next) })}
    >
      {trigger !== undefined && <Base.Trigger render={trigger} />}
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-20 bg-black/40" />
        <Base.Popup className="fixed top-1/2 left-1/2 z-30 max-h-[90vh] w-[min(40rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 overflow-y-auto rounded-xl border border-line bg-surface p-5 shadow-xl">
          <div className="mb-4 pr-10">
            <Base.Title className="text-base font-semibold">{title}</Base.Title>
            {hint !== undefined && <Base.Description className="mt-1 text-sm text-muted">{hint}</Base.Description>}
          </div>
          {children}
          {/* The last one, so that the first field has the focus when the dialog opens. */}
          <Base.Close render={<IconButton label={t('close')} className="absolute top-4 right-4" />}>
            <X aria-hidden className="size-4" />
          </Base.Close>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}
