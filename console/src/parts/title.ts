// What the browser calls the page, in its tabs and its history, and screen readers when it opens.
import { useEffect } from 'react'

/** Calls it so while the component is there; undefined: another component does. */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    if (title !== undefined) document.title = `${title} · Galerne`
  }, [title])
}
