// A state in a word, with a colour that says the same.
import type { ReactNode } from 'react'

const tones = {
  good: 'bg-good-soft text-good',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  plain: 'bg-raised text-muted',
}

/** The word. */
export function Badge({
  tone,
  long,
  children,
}: {
  readonly tone: keyof typeof tones
  /** Somebody's own word, of any length: it may break. */
  readonly long?: boolean
  readonly children: ReactNode
}) {
  return (
    <span
      className={`inline-block max-w-full rounded-full px-2 py-0.5 text-xs font-medium ${long === true ? '' : 'whitespace-nowrap'} ${tones[tone]}`}
    >
      {children}
    </span>
  )
}
