// Reads JSON bodies: once, and only such that everything behind can walk without care. Knows no schema.
import { fail } from '../base/errors.ts'

// Far above any schema or conversation seen; below what recursive code (validators, JSON.stringify) can walk.
const deepest = 200

/** Parses a body. Throws `invalid_json` where it is none, nests deeper than 200 levels or holds a key that could reach a prototype. */
export function parseBody(text: string): unknown {
  if (text.trim() === '') throw fail('invalid_json', { reason: 'it is empty' })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw fail('invalid_json', { reason: placeOf(error, text) })
  }
  refuseHostile(value)
  return value
}

/** Where the text stops being JSON. The parser's own message quotes the text, which may be a prompt. */
function placeOf(error: unknown, text: string): string {
  const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1]
  return position === undefined || Number(position) >= text.length
    ? 'it breaks off or holds something that is not JSON'
    : `it stops being JSON at character ${position}`
}

function refuseHostile(root: unknown): void {
  // Level by level: a stack of its own instead of recursion, and depth is the number of rounds.
  let level: object[] = isObject(root) ? [root] : []
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > deepest) throw fail('invalid_json', { reason: `it nests deeper than ${deepest} levels` })
    const next: object[] = []
    for (const parent of level) {
      if (Object.hasOwn(parent, '__proto__')) throw fail('invalid_json', { reason: 'it has a field "__proto__"' })
      for (const child of Object.values(parent)) if (isObject(child)) next.push(child)
    }
    level = next
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
