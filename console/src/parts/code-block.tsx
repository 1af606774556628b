// Text of a machine, set as it is; what is wider or longer than its place scrolls.
import type { ReactNode } from 'react'

/** Shows it. */
export function CodeBlock({ children }: { readonly children: ReactNode }) {
  return (
    <pre
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1).
      tabIndex={0}
      className="my-2 max-h-[50vh] overflow-auto rounded-lg bg-raised p-3 font-mono text-xs"
    >
      {children}
    </pre>
  )
}
