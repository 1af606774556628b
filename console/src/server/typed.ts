// What is typed into the filters of a page. The address is the truth: another one, also by back and forward, is another form.
import { useState } from 'react'

/** The filters as they are typed, and how they change; begun anew whenever the address says something else. */
export function useTyped<Filters extends object>(filters: Filters): [Filters, (typed: Filters) => void] {
  const [typed, setTyped] = useState(filters)
  const [read, setRead] = useState(filters)
  // In place of a new form: in this one the keyboard keeps its place.
  if (JSON.stringify(read) !== JSON.stringify(filters)) {
    setRead(filters)
    setTyped(filters)
    return [filters, setTyped]
  }
  return [typed, setTyped]
}
