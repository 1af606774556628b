// What everybody sees before they are in: the name of the house, and one form.
import type { ReactNode } from 'react'
import { useWords } from '../../language/language.tsx'
import { Panel } from '../../parts/panel.tsx'
import { useTitle } from '../../parts/title.ts'
import { text } from './text.ts'

/** The frame of signing in and of accepting an invitation. */
export function Door({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  const t = useWords(text)
  useTitle(title)
  return (
    <main className="flex min-h-screen items-center justify-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex flex-col items-center gap-2 text-center">
          <img src="/galerne.svg" alt="" className="size-12" />
          <p className="text-2xl font-semibold tracking-tight">Galerne</p>
          <p className="text-sm text-muted">{t('tagline')}</p>
        </div>
        <Panel className="p-5">
          <h1 className="mb-4 text-base font-semibold">{title}</h1>
          {children}
        </Panel>
      </div>
    </main>
  )
}
