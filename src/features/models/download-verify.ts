// Decides whether a file that arrived is the one that was wanted, before anything opens it as weights.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { sizeOf } from './download-disk.ts'
import { type Expected, SourceError } from './download-source.ts'

/** The first four bytes of every GGUF file. */
const magic = 'GGUF'

/** Throws where the bytes cannot be the start of weights: a sign-in page, an error in JSON, a pointer of Git LFS. */
export function requireWeightsStart(start: Uint8Array, expected: Expected): void {
  if (expected.anyFormat === true) return
  const text = Buffer.from(start.subarray(0, 64)).toString('latin1')
  if (text.startsWith(magic.slice(0, text.length))) return
  const what = /^\s*<(!doctype|html|\?xml)/i.test(text)
    ? 'a web page'
    : text.startsWith('version https://git-lfs')
      ? 'a pointer of Git LFS'
      : /^\s*[{[]/.test(text)
        ? 'JSON'
        : 'something else'
  throw new SourceError(`it sent ${what} instead of a GGUF file`, { final: true })
}

/** Whether a file on disk begins as weights do; one of any format does. */
export async function startsAsWeights(path: string, expected: Expected = {}): Promise<boolean> {
  if (expected.anyFormat === true) return true
  const handle = await open(path)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(magic.length), 0, magic.length, 0)
    return buffer.toString('latin1', 0, bytesRead) === magic
  } finally {
    await handle.close()
  }
}

/**
 * Reads the whole file and returns its SHA-256 in hexadecimal. Throws a final `SourceError` where size or hash differ from what
 * was expected, with both values. What lies on the disk is hashed, not what came over the line: it is the disk that is loaded.
 */
export async function verify(path: string, expected: Expected, onRead?: (bytes: number) => void): Promise<string> {
  const bytes = await sizeOf(path)
  if (expected.bytes !== undefined && bytes !== expected.bytes) {
    throw new SourceError(`the file has ${bytes} bytes and should have ${expected.bytes}`, { final: true })
  }
  const hash = createHash('sha256')
  let read = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 4 * 1_048_576 })) {
    hash.update(chunk)
    read += chunk.length
    onRead?.(read)
  }
  const actual = hash.digest('hex')
  if (expected.sha256 !== undefined && actual !== expected.sha256) {
    throw new SourceError(`the file's sha256 is ${actual} and should be ${expected.sha256}`, { final: true })
  }
  return actual
}
