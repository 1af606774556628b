// Cuts a stream of bytes into lines within bounded memory, and checks that a line is a JSON object. Knows no file and no batch.
import { isUtf8 } from 'node:buffer'
import { Failure, fail } from '../../base/errors.ts'
import { parseBody } from '../../wire/parse.ts'

/** One line of a stream, without its end. */
export interface Line {
  /** 1 for the first. */
  readonly number: number
  /** Bytes before it in the stream. */
  readonly start: number
  readonly bytes: Buffer
}

/** Cuts what it is fed into lines. */
export interface LineSplitter {
  /** The lines that this piece completes. */
  feed(chunk: Buffer): Generator<Line>
  /** The last line, where the stream does not end with a line's end. */
  end(): Generator<Line>
}

const newline = 10
const carriageReturn = 13

/** A splitter. A line longer than `longest` bytes throws `invalid_file` as soon as it is: nothing longer is ever held. */
export function createLineSplitter(longest: number): LineSplitter {
  let held: Buffer[] = []
  let heldBytes = 0
  let number = 0
  let start = 0
  const hold = (piece: Buffer) => {
    heldBytes += piece.length
    if (heldBytes > longest) {
      throw fail('invalid_file', { param: 'file', line: number + 1, reason: `it is longer than ${longest} bytes` })
    }
    held.push(piece)
  }
  const finish = (): Line => {
    const whole = held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held)
    const bytes = whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole
    const line = { number: ++number, start, bytes }
    held = []
    heldBytes = 0
    return line
  }
  return {
    *feed(chunk) {
      let from = 0
      for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
        hold(chunk.subarray(from, at))
        const length = heldBytes
        yield finish()
        start += length + 1
        from = at + 1
      }
      // A copy: the rest of a chunk must not keep the whole of it.
      if (from < chunk.length) hold(Buffer.from(chunk.subarray(from)))
    },
    *end() {
      if (heldBytes > 0) yield finish()
    },
  }
}

/** The lines of a stream. */
export async function* linesOf(source: AsyncIterable<Buffer>, longest: number): AsyncGenerator<Line> {
  const splitter = createLineSplitter(longest)
  for await (const chunk of source) yield* splitter.feed(chunk)
  yield* splitter.end()
}

/** The object that a line holds; undefined for a line of white space. Throws what is wrong with it, as the end of a sentence. */
export function readObject(bytes: Buffer): Record<string, unknown> | undefined {
  if (!isUtf8(bytes)) throw new Error('it is not UTF-8 text')
  // A byte order mark before the first line is what some spreadsheets write.
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '')
  if (text.trim() === '') return undefined
  const value = parse(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Error('it must be a JSON object, {…}')
}

/** What JSON may be is one rule for bodies and for lines: a line is a body that comes in a file. */
function parse(text: string): unknown {
  try {
    return parseBody(text)
  } catch (error) {
    throw error instanceof Failure ? new Error(String(error.fields['reason'])) : error
  }
}
