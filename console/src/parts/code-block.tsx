// Text of a machine, set as it is; what is longer than its place scrolls.
import type { ReactNode } from 'react'
import { join } from './class-names.ts'

/** Shows it. */
export function CodeBlock({
  lines,
  children,
}: {
  /** Lines stay whole, as programs want it, and scroll; else they break. */
  readonly lines?: boolean
  readonly children: ReactNode
}) {
  return (
    <pre
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1).
      tabIndex={0}
      className={join(
        'my-2 max-h-[50vh] overflow-auto rounded-lg bg-raised p-3 font-mono text-xs',
        lines !== true && 'whitespace-pre-wrap',
      )}
    >
      {children}
    </pre>
  )
}
