// A state in a word, with a colour that says the same.
import type { ReactNode } from 'react'

const tones = {
  good: 'bg-good-soft text-good',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  plain: 'bg-raised text-muted',
}

/** The word. */
export function Badge({ tone, children }: { readonly tone: keyof typeof tones; readonly children: ReactNode }) {
  return (
    <span className={`inline-block rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap ${tones[tone]}`}>
      {children}
    </span>
  )
}
