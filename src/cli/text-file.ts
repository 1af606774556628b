// Reads a file of text as UTF-8, also where its byte order mark says that it is UTF-16, as some spreadsheets and shells write it.
import { createReadStream } from 'node:fs'
import { fail } from '../base/errors.ts'

const encodings = [
  { mark: Buffer.from([0xff, 0xfe]), name: 'utf-16le' },
  { mark: Buffer.from([0xfe, 0xff]), name: 'utf-16be' },
] as const

/** The bytes of a file, as they are unless they are UTF-16. Throws `invalid_file` where UTF-16 is broken. */
export async function* readText(path: string): AsyncGenerator<Buffer> {
  let decoder: TextDecoder | undefined
  let isFirst = true
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    if (isFirst) decoder = decoderOf(chunk)
    isFirst = false
    yield decoder === undefined ? chunk : decode(decoder, chunk)
  }
  if (decoder !== undefined) yield decode(decoder)
}

function decoderOf(start: Buffer): TextDecoder | undefined {
  const encoding = encodings.find(({ mark }) => start.subarray(0, mark.length).equals(mark))
  return encoding === undefined ? undefined : new TextDecoder(encoding.name, { fatal: true })
}

/** A piece, or without one what is left. */
function decode(decoder: TextDecoder, chunk?: Buffer): Buffer {
  try {
    return Buffer.from(decoder.decode(chunk, { stream: chunk !== undefined }))
  } catch (error) {
    throw fail('invalid_file', { reason: 'it begins as UTF-16 text and is none: save it as UTF-8' }, error)
  }
}
