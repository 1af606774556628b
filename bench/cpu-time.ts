// Time that a process and all under it spent on the cores, read from /proc: it says what work costs where the clock says how busy the machine is.
import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second. */
const tickMs = 10

/** Milliseconds so far; NaN without a process or where there is no /proc. */
export function cpuMs(processId: number | undefined): number {
  const all = readAll()
  if (processId === undefined || !all.has(processId)) return Number.NaN
  const family = [processId]
  for (const parent of family) {
    for (const [id, facts] of all) if (facts.parent === parent) family.push(id)
  }
  return family.reduce((sum, id) => sum + (all.get(id)?.ms ?? 0), 0)
}

function readAll(): ReadonlyMap<number, { readonly parent: number; readonly ms: number }> {
  try {
    const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    return new Map(ids.flatMap((id) => read(id)))
  } catch {
    return new Map()
  }
}

function read(id: string): [number, { parent: number; ms: number }][] {
  try {
    const text = readFileSync(`/proc/${id}/stat`, 'utf8')
    // The name in parentheses may hold anything; fields count from behind it: state, parent, …, user time, system time.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return [[Number(id), { parent: Number(fields[1]), ms: (Number(fields[11]) + Number(fields[12])) * tickMs }]]
  } catch {
    return []
  }
}
