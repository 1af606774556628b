// Regular expressions of strangers: only such as run in time linear in the text, so that no search can hold a database.

import { createRequire } from 'node:module'
import type * as Re2 from 're2js'

/** A compiled pattern. */
export interface LinearPattern {
  /** Whether it occurs in the text. */
  occursIn(text: string): boolean
  /** The text with every occurrence replaced by what `replace` gives for it. */
  replaceIn(text: string, replace: (found: string) => string): string
}

// Loading takes 11 ms, which no start should pay for: it is there when the first pattern is.
let loaded: typeof Re2 | undefined

/** Patterns compiled lately: a query asks for the same one with every row. */
const known = new Map<string, LinearPattern>()
const mostKnown = 64

/** Compiles a pattern in RE2's syntax; throws an error in words for what it has not: back-references and look-around. */
export function linearPattern(source: string): LinearPattern {
  const compiled = known.get(source)
  if (compiled !== undefined) return compiled
  loaded ??= createRequire(import.meta.url)('re2js') as typeof Re2
  const pattern = loaded.RE2JS.compile(source)
  const made: LinearPattern = {
    occursIn: (text) => pattern.matcher(text).find(),
    replaceIn: (text, replace) => pattern.matcher(text).replaceAll(replace),
  }
  if (known.size >= mostKnown) known.clear()
  known.set(source, made)
  return made
}
