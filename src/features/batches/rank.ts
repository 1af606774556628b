// Where a line comes in its batch: lines that begin alike come together, so that each shared prefix is computed once. Pure.
import { createHash } from 'node:crypto'

/** Characters compared as they are; beyond them only whether they are equal counts. */
const spelled = 256
/** Lengths of beginnings that are told apart by a hash, for long prompts: each is four times the one before. */
const depths = [1_024, 4_096, 16_384, 65_536] as const

/** A text that sorts next to those of lines with a common beginning; some hundred characters, however long the line. */
export function rankOf(model: string, body: Readonly<Record<string, unknown>>): string {
  const text = beginning(body, depths[depths.length - 1] ?? spelled)
  const deep = depths.filter((depth) => text.length > spelled && depth <= text.length * 4)
  // Printable ASCII only: databases sort and store it alike.
  const head = `${model}\n${text}`.slice(0, spelled).replace(/[^\x20-\x7e]/g, '~')
  return [head, ...deep.map((depth) => hash(text.slice(0, depth)))].join('|')
}

/** The parts of a body that a prompt begins with, in the order in which templates place them. */
function beginning(body: Readonly<Record<string, unknown>>, length: number): string {
  const parts = [body['tools'], body['instructions'], body['messages'] ?? body['prompt'] ?? body['input']]
  let text = ''
  for (const part of parts) {
    if (part === undefined || part === null) continue
    text += typeof part === 'string' ? part : JSON.stringify(part)
    if (text.length >= length) break
  }
  return text.slice(0, length)
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 6)
}
