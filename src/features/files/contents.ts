// Where the bytes of files lie: a folder, or a store that speaks S3. Keys are made by those who put; none is ever used twice.
import type { Readable } from 'node:stream'

/** A part of the bytes. */
export interface ByteRange {
  readonly start: number
  readonly length: number
}

/** A store of bytes. All throw `file_store_failed` where the store does not answer. */
export interface Contents {
  /** Keeps the file at `path`, which may be moved away. It is durable when the promise resolves. */
  put(key: string, path: string): Promise<void>
  /** The bytes, or a part of them. Reading what is not there is an error of the stream or of the promise. */
  read(key: string, range?: ByteRange): Promise<Readable>
  /** Removes the bytes; nothing happens where they are gone. */
  remove(key: string): Promise<void>
  /** Every key, with the time it was put, in milliseconds since 1970. */
  list(): AsyncIterable<{ readonly key: string; readonly putAt: number }>
  /** Removes what a process left that died while it put, if it began before then, in milliseconds since 1970. */
  removeUnfinished(before: number): Promise<void>
}

/** A whole stream as a buffer. */
export async function collect(stream: AsyncIterable<Buffer | Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}
