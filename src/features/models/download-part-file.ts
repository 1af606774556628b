// A partial file that is filled at several places at once, and the record of what it has. Knows no network.

import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { requireRoom, sizeOf, writeAt } from './download-disk.ts'
import { continues, type Identity, readState, writeState } from './download-state.ts'

/** The record is written after so many bytes, so a killed process fetches no more than these again. */
const recordEvery = 8 * 1_048_576

const smallestPart = 1_048_576
const largestPart = 64 * 1_048_576

/** A sixty-fourth of the file, in whole mebibytes: enough parts for every connection to stay busy until the end. */
export function partSize(bytes: number): number {
  const mebibytes = Math.ceil(bytes / 64 / smallestPart)
  return Math.min(largestPart, Math.max(smallestPart, mebibytes * smallestPart))
}

/** A file in parts. */
export class PartFile {
  readonly partial: string
  readonly partBytes: number
  readonly bytes: number
  readonly #handle: FileHandle
  readonly #identity: Identity
  readonly #received: number[]
  #unrecorded = 0
  #recording: Promise<void> = Promise.resolve()

  private constructor(
    facts: { partial: string; bytes: number; partBytes: number; identity: Identity },
    handle: FileHandle,
    received: number[],
  ) {
    this.partial = facts.partial
    this.bytes = facts.bytes
    this.partBytes = facts.partBytes
    this.#identity = facts.identity
    this.#handle = handle
    this.#received = received
  }

  /** Opens what is there where it holds bytes of this file, else an empty one; throws `disk_full` where the rest has no room. */
  static async open(partial: string, bytes: number, identity: Identity): Promise<PartFile> {
    await mkdir(dirname(partial), { recursive: true })
    const known = await readState(partial)
    const size = await sizeOf(partial)
    const goesOn = size > 0 && continues(known, identity)
    const partBytes = (goesOn ? known.parts?.partBytes : undefined) ?? partSize(bytes)
    const lengths = Array.from({ length: Math.ceil(bytes / partBytes) }, (_, part) =>
      Math.min(partBytes, bytes - part * partBytes),
    )
    const had = (part: number, length: number) => {
      if (!goesOn) return 0
      // A file that grew in one stream has everything up to its size.
      const kept = known.parts === undefined ? size - part * partBytes : (known.parts.received[part] ?? 0)
      return Math.max(0, Math.min(length, kept))
    }
    const received = lengths.map((length, part) => had(part, length))
    await requireRoom(partial, bytes - sum(received))
    const handle = await open(partial, goesOn ? 'r+' : 'w+', 0o644)
    const file = new PartFile({ partial, bytes, partBytes, identity }, handle, received)
    await handle.truncate(bytes)
    await file.#record()
    return file
  }

  /** Bytes of the whole file that have arrived. */
  get received(): number {
    return sum(this.#received)
  }

  /** Numbers of the parts that are not whole. */
  unfinished(): number[] {
    return [...this.#received.keys()].filter((part) => this.receivedOf(part) < this.lengthOf(part))
  }

  get parts(): number {
    return this.#received.length
  }

  receivedOf(part: number): number {
    return this.#received[part] ?? 0
  }

  lengthOf(part: number): number {
    return Math.min(this.partBytes, this.bytes - part * this.partBytes)
  }

  /** First byte of a part. */
  startOf(part: number): number {
    return part * this.partBytes
  }

  /** Adds bytes at the end of what the part has. */
  async append(part: number, bytes: Uint8Array): Promise<void> {
    await writeAt(this.#handle, bytes, this.startOf(part) + this.receivedOf(part), this.partial)
    this.#received[part] = this.receivedOf(part) + bytes.length
    this.#unrecorded += bytes.length
    if (this.#unrecorded < recordEvery) return
    this.#unrecorded = 0
    await this.#record()
  }

  /** Compares bytes with those on disk at `position`, and writes them where they differ. Returns whether they did. */
  async correct(position: number, bytes: Uint8Array): Promise<boolean> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(bytes.length), 0, bytes.length, position)
    if (bytesRead === bytes.length && buffer.equals(bytes)) return false
    await writeAt(this.#handle, bytes, position, this.partial)
    return true
  }

  /** Bytes from the start of the file without a gap. */
  get unbroken(): number {
    const [first] = this.unfinished()
    return first === undefined ? this.bytes : this.startOf(first) + this.receivedOf(first)
  }

  /** Makes it a file that grows in one stream, with the bytes that it has without a gap. */
  async becomeSerial(): Promise<void> {
    await this.#recording
    await this.#handle.truncate(this.unbroken)
    await writeState(this.partial, this.#identity)
    this.#received.length = 0
  }

  /** Closes the file once the disk has it. */
  async close(): Promise<void> {
    try {
      if (this.#received.length > 0) await this.#record()
      await this.#handle.sync()
    } finally {
      await this.#handle.close()
    }
  }

  /** One record after the other, each of bytes that were written before. */
  #record(): Promise<void> {
    const parts = { partBytes: this.partBytes, received: [...this.#received] }
    this.#recording = this.#recording.then(() => writeState(this.partial, { ...this.#identity, parts }))
    return this.#recording
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
