// Keeps the keyboard's place: where what had the focus is gone, a row that was removed, say, the nearest thing around it that is still there gets it.

const focusable = 'a[href], button, input, select, textarea, summary, [tabindex]'

/** Watches the page; what it returns ends that. */
export function keepFocus(): () => void {
  /** What had the focus last, and what was around it; behind it the same of the page that a dialog was opened over. */
  let trail: readonly Element[] = []
  let waiting = 0
  const around = (element: Element | null): readonly Element[] =>
    element === null ? [] : [element, ...around(element.parentElement)]
  const note = ({ target }: FocusEvent) => {
    if (!(target instanceof Element)) return
    const path = around(target)
    const isOverPage = target.closest('[role=dialog]') !== null
    trail = isOverPage ? [...path, ...trail.filter((one) => one.closest('[role=dialog]') === null)] : path
  }
  const restore = () => {
    waiting = 0
    const [last] = trail
    if (document.activeElement !== document.body || last === undefined || last.isConnected) return
    const place = trail.find((one) => one.isConnected && one.matches(focusable)) ?? document.getElementById('content')
    if (place instanceof HTMLElement) place.focus({ preventScroll: true })
  }
  // A dialog that closes gives the focus back by itself, a moment after it is gone.
  const look = () => {
    if (document.activeElement === document.body && waiting === 0) waiting = window.setTimeout(restore, 50)
  }
  // Whoever points somewhere wants no other place.
  const forget = () => {
    trail = []
  }
  const changes = new MutationObserver(look)
  changes.observe(document.body, { childList: true, subtree: true })
  document.addEventListener('focusin', note)
  document.addEventListener('pointerdown', forget, true)
  return () => {
    changes.disconnect()
    clearTimeout(waiting)
    document.removeEventListener('focusin', note)
    document.removeEventListener('pointerdown', forget, true)
  }
}
