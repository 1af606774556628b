// Keeps the KV of displaced lines in files, for later and for after a restart: bounded, dated, readable by their owner alone.
// Knows bytes and names, no stream and no engine.

import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Clock } from '../../base/clock.ts'
import type { PrefixDisk } from '../messages.ts'
import type { SpilledLine } from './spill.ts'

/** A line that lies in a file. */
export interface DiskLine {
  readonly scope: string
  readonly tokens: readonly number[]
  readonly path: string
  readonly bytes: number
}

/** The first line of a file, JSON; the tokens as 32-bit numbers and the state follow it. */
interface Header {
  readonly version: 1
  /** What the state fits: weights, engine, and how the context was made. */
  readonly identity: string
  readonly scope: string
  readonly tokens: number
  /** Of everything after the header. */
  readonly checksum: number
}

/** A file shorter than this in tokens is not worth its reading. */
const leastTokens = 64
/** States that may wait to be written: each is megabytes. More are left out, the disk is too slow for them. */
const mostWaiting = 2
const headerBytes = 4096
const sweepMs = 600_000

/** How a store is set up. */
export interface DiskStoreOptions extends PrefixDisk {
  readonly identity: string
  readonly clock: Clock
  /** Told of every line that can be had now, and of every one that cannot be had any more. */
  readonly kept: (line: DiskLine) => void
  readonly forgotten: (line: DiskLine) => void
}

/** Files of one model, in folders by workspace, so that all of a workspace's are deleted with its folder. */
export class DiskStore {
  readonly #options: DiskStoreOptions
  /** By path, least recently used first. */
  readonly #lines = new Map<string, DiskLine>()
  #bytes = 0
  #waiting = 0

  constructor(options: DiskStoreOptions) {
    this.#options = options
    this.#open()
    setInterval(() => this.#sweep(), sweepMs).unref()
  }

  /** Bytes of this model's files. */
  get bytes(): number {
    return this.#bytes
  }

  /** Writes a line behind the caller's back. What cannot be written is left out: this is a cache. */
  put(line: SpilledLine): void {
    const path = this.#place(line)
    if (line.tokens.length < leastTokens || this.#lines.has(path) || this.#waiting >= mostWaiting) return
    const content = this.#encode(line)
    if (content.length > this.#options.bytes) return
    this.#waiting += 1
    this.#write(path, content)
      .then(() => this.#add({ scope: line.scope, tokens: line.tokens, path, bytes: content.length }))
      .catch(() => rmSync(path, { force: true }))
      .finally(() => {
        this.#waiting -= 1
      })
  }

  /** The state of a line; undefined, and the line forgotten, where the file is gone or damaged. */
  read(line: DiskLine): Buffer | undefined {
    const content = this.#content(line.path)
    const state = content === undefined ? undefined : decode(content)?.state
    if (state === undefined) {
      this.#remove(line)
      return undefined
    }
    this.#lines.delete(line.path)
    this.#lines.set(line.path, line)
    return state
  }

  #open(): void {
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 })
    // Files of other models and releases count too, and nobody else looks after them.
    let total = 0
    const newestFirst = filesIn(this.#options.folder).toSorted((one, other) => other.modified - one.modified)
    const kept = newestFirst.filter(({ path, bytes, modified }) => {
      total += bytes
      const wanted = total <= this.#options.bytes && this.#isFresh(modified) && path.endsWith('.kv')
      if (!wanted) rmSync(path, { force: true })
      return wanted
    })
    for (const { path, bytes } of kept.toReversed()) {
      const found = readBeginning(path)
      if (found?.identity === this.#options.identity) {
        this.#add({ scope: found.scope, tokens: found.tokens, path, bytes })
      }
    }
  }

  #isFresh(modified: number): boolean {
    return this.#options.clock.now() - modified <= this.#options.keepMs
  }

  #sweep(): void {
    for (const { path, modified } of filesIn(this.#options.folder)) {
      if (this.#isFresh(modified)) continue
      rmSync(path, { force: true })
      const line = this.#lines.get(path)
      if (line !== undefined) this.#remove(line)
    }
  }

  #place({ scope, tokens }: SpilledLine): string {
    const [workspace] = JSON.parse(scope) as [string]
    const name = hash(JSON.stringify([this.#options.identity, scope, tokens]))
    return join(this.#options.folder, hash(workspace), `${name}.kv`)
  }

  #encode({ scope, tokens, state }: SpilledLine): Buffer {
    const body = Buffer.concat([Buffer.from(Int32Array.from(tokens).buffer), state])
    const { identity } = this.#options
    const header: Header = { version: 1, identity, scope, tokens: tokens.length, checksum: crc32(body) }
    return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body])
  }

  /** Whole or not at all: under another name first. */
  async #write(path: string, content: Buffer): Promise<void> {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const unfinished = `${path}.part`
    try {
      await writeFile(unfinished, content, { mode: 0o600 })
      await rename(unfinished, path)
    } finally {
      rmSync(unfinished, { force: true })
    }
  }

  #content(path: string): Buffer | undefined {
    try {
      return readFileSync(path)
    } catch {
      return undefined
    }
  }

  #add(line: DiskLine): void {
    this.#lines.set(line.path, line)
    this.#bytes += line.bytes
    this.#options.kept(line)
    for (const oldest of this.#lines.values()) {
      if (this.#bytes <= this.#options.bytes) return
      this.#remove(oldest)
    }
  }

  #remove(line: DiskLine): void {
    rmSync(line.path, { force: true })
    if (!this.#lines.delete(line.path)) return
    this.#bytes -= line.bytes
    this.#options.forgotten(line)
  }
}

interface Found {
  readonly path: string
  readonly bytes: number
  readonly modified: number
}

function filesIn(folder: string): Found[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const path = join(entry.parentPath, entry.name)
      try {
        const { size, mtimeMs } = statSync(path)
        return [{ path, bytes: size, modified: mtimeMs }]
      } catch {
        return []
      }
    })
}

/** Identity, scope and tokens of a file without reading its state; undefined where it is none of ours. */
function readBeginning(path: string): { identity: string; scope: string; tokens: number[] } | undefined {
  try {
    const file = openSync(path, 'r')
    try {
      const start = Buffer.alloc(headerBytes)
      const header = parseHeader(start.subarray(0, readSync(file, start, 0, headerBytes, 0)))
      if (header === undefined) return undefined
      const tokens = Buffer.alloc(header.tokens * 4)
      if (readSync(file, tokens, 0, tokens.length, header.end) < tokens.length) return undefined
      return { identity: header.identity, scope: header.scope, tokens: tokensOf(tokens) }
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined
  }
}

function parseHeader(start: Buffer): (Header & { readonly end: number }) | undefined {
  const end = start.indexOf(10)
  if (end < 0) return undefined
  const header = JSON.parse(start.toString('utf8', 0, end)) as Header
  const right = header.version === 1 && Number.isInteger(header.tokens) && header.tokens > 0 && header.tokens < 2 ** 24
  return right ? { ...header, end: end + 1 } : undefined
}

function decode(content: Buffer): { state: Buffer } | undefined {
  try {
    const header = parseHeader(content.subarray(0, headerBytes))
    if (header === undefined) return undefined
    const body = content.subarray(header.end)
    return crc32(body) === header.checksum ? { state: body.subarray(header.tokens * 4) } : undefined
  } catch {
    return undefined
  }
}

function tokensOf(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readInt32LE(index * 4))
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}
