// What stands in an address after `?`: texts by name. Several texts of one name are lines of one text. Pure.

/** Reads it. */
export function readSearch(query: string): Record<string, string> {
  const found = new URLSearchParams(query)
  return Object.fromEntries([...new Set(found.keys())].map((name) => [name, found.getAll(name).join('\n')]))
}

/** Writes it; what is empty is left out. */
export function writeSearch(search: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(search)) {
    if (value === undefined || value === null) continue
    for (const line of String(value).split('\n')) if (line !== '') query.append(name, line)
  }
  const text = String(query)
  return text === '' ? '' : `?${text}`
}
