// What every way of writing calls offers: how to find them in an answer and how to hold an answer to them.

import type { Opener } from './answer-parser.ts'
import type { CallReader } from './call-reader.ts'
import type { CallLayout } from './grammar.ts'

/** One way of writing calls. */
export interface CallSyntax {
  readonly openers: readonly Opener[]
  /** An answer that starts with `{` is a call. */
  readonly bare: boolean
  read(opener: string, names: ReadonlySet<string>): CallReader
  readonly layout: CallLayout
}
