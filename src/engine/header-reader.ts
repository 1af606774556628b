// Reads little-endian values from the front of a file in bounded memory. Every length is checked against the file before it is trusted.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** Thrown with a plain reason when the file cannot be what it claims; `header.ts` turns it into a failure. */
export class HeaderError extends Error {
  override readonly name = 'HeaderError'
}

/** The bytes that are here end inside the header, and the whole file has more. */
export class HeaderIncomplete extends Error {
  override readonly name = 'HeaderIncomplete'
}

const chunkBytes = 256 * 1024

/** A cursor over a file. Reads in chunks; skipping does not read. */
export class FileReader {
  readonly size: number
  readonly #file: number
  #buffer = Buffer.alloc(0)
  /** The buffer's bytes as characters, where they were asked for. */
  #text: string | undefined
  /** File offset of the buffer's first byte. */
  #start = 0
  /** Offset in the buffer of the next byte. */
  #next = 0
  readonly #here: number

  /** `wholeBytes`: the size of the whole file, where only its first bytes are here. */
  constructor(path: string, wholeBytes?: number) {
    this.#file = openSync(path, 'r')
    const status = fstatSync(this.#file)
    if (!status.isFile()) {
      closeSync(this.#file)
      throw new HeaderError('it is not a file')
    }
    this.size = wholeBytes ?? status.size
    this.#here = status.size
  }

  /** File offset of the next byte. */
  get position(): number {
    return this.#start + this.#next
  }

  /** Bytes between the cursor and the end of the file. */
  get left(): number {
    return this.size - this.position
  }

  close(): void {
    closeSync(this.#file)
  }

  bytes(count: number): Buffer {
    this.#need(count)
    const slice = this.#buffer.subarray(this.#next, this.#next + count)
    this.#next += count
    return slice
  }

  uint8 = (): number => this.bytes(1).readUInt8()
  int8 = (): number => this.bytes(1).readInt8()
  uint16 = (): number => this.bytes(2).readUInt16LE()
  int16 = (): number => this.bytes(2).readInt16LE()
  uint32 = (): number => this.bytes(4).readUInt32LE()
  int32 = (): number => this.bytes(4).readInt32LE()
  float32 = (): number => this.bytes(4).readFloatLE()
  float64 = (): number => this.bytes(8).readDoubleLE()
  int64 = (): number => Number(this.bytes(8).readBigInt64LE())

  /** An unsigned 64-bit number. Put together in place: it is read for each of 262,144 tokens, and every start waits for that. */
  uint64 = (): number => {
    this.#need(8)
    const at = this.#next
    this.#next += 8
    return uint32At(this.#buffer, at) + uint32At(this.#buffer, at + 4) * 2 ** 32
  }

  /** Bytes as a string with one character each: the quickest way to compare them. All that are here are decoded in one go. */
  characters(count: number): string {
    this.#need(count)
    const at = this.#next
    this.#next += count
    this.#text ??= this.#buffer.toString('latin1')
    return this.#text.slice(at, this.#next)
  }

  /** A count of things that take at least `least` bytes each: refused when the rest of the file cannot hold them. */
  count(what: string, least: number): number {
    const count = this.uint64()
    if (count * least > this.left)
      throw new HeaderError(`it is damaged: it claims ${count} ${what}, more than it can hold`)
    return count
  }

  /** A string with its length in front. */
  text(what: string, limit: number): string {
    const length = this.count(`bytes of ${what}`, 1)
    if (length > limit)
      throw new HeaderError(`it is damaged: ${what} is ${length} bytes long, and ${limit} is the limit`)
    return this.bytes(length).toString('utf8')
  }

  skip(count: number): void {
    if (count > this.left) throw new HeaderError('it is truncated: the file ends inside its header')
    const inside = Math.min(count, this.#buffer.length - this.#next)
    this.#next += inside
    if (inside < count) {
      this.#start = this.position + (count - inside)
      this.#buffer = this.#buffer.subarray(0, 0)
      this.#text = undefined
      this.#next = 0
    }
  }

  #need(count: number): void {
    if (this.#buffer.length - this.#next >= count) return
    if (count > this.left) throw new HeaderError('it is truncated: the file ends inside its header')
    if (this.position + count > this.#here) throw new HeaderIncomplete()
    const rest = this.#buffer.subarray(this.#next)
    const wanted = Math.min(Math.max(chunkBytes, count), this.#here - this.position)
    const buffer = Buffer.alloc(wanted)
    rest.copy(buffer)
    this.#start = this.position
    this.#next = 0
    let filled = rest.length
    while (filled < wanted) {
      const read = readSync(this.#file, buffer, filled, wanted - filled, this.#start + filled)
      if (read === 0) throw new HeaderError('it is truncated: the file ends inside its header')
      filled += read
    }
    this.#buffer = buffer
    this.#text = undefined
  }
}

function uint32At(buffer: Buffer, at: number): number {
  return (
    (buffer[at] ?? 0) +
    (buffer[at + 1] ?? 0) * 2 ** 8 +
    (buffer[at + 2] ?? 0) * 2 ** 16 +
    (buffer[at + 3] ?? 0) * 2 ** 24
  )
}
