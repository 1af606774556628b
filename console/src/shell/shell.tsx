// The frame of every page: navigation, the page itself, and the way past the navigation for keyboards.
import { Outlet } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useWords } from '../language/language.tsx'
import { keepFocus } from './keep-focus.ts'
import { NarrowBar, Sidebar } from './sidebar.tsx'
import { text } from './text.ts'

/** Everything around a page. */
export function Shell() {
  const t = useWords(text)
  useEffect(keepFocus, [])
  return (
    <div className="md:flex">
      <a
        href="#content"
        className="sr-only z-50 rounded-lg bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        {t('skip')}
      </a>
      <Sidebar />
      <NarrowBar />
      <main id="content" tabIndex={-1} className="min-w-0 flex-1 p-4 outline-offset-[-2px] md:p-8">
        <div className="mx-auto max-w-6xl">
          <Outlet />
        </div>
      </main>
    </div>
  )
}
