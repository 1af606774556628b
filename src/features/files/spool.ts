// Takes a stream to disk under a name of its own, within limits, with its hash and its lines counted. Knows no table and no store.
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fail } from '../../base/errors.ts'
import { makeHome } from '../../base/home.ts'
import { createLineSplitter, type Line, readObject } from './lines.ts'

/** What a stream may be. */
export interface SpoolLimits {
  /** Bytes at most; more throws `file_too_large`. */
  readonly bytes: number
  /** The setting that raises it, for the message. */
  readonly setting: string
  /** JSONL wanted: the longest line, in bytes. */
  readonly line?: number
}

/** A stream that lies on disk, complete. */
export interface Spooled {
  readonly path: string
  readonly bytes: number
  /** SHA-256, hexadecimal. */
  readonly hash: string
  readonly md5: string
  /** Lines that hold something; null where no JSONL was wanted. */
  readonly lines: number | null
  /** Removes what is still at `path`. */
  discard(): Promise<void>
}

/** Writes a stream into `folder`, mode 0600, and forces it to the disk. What fails leaves no file behind. */
export async function spool(
  source: AsyncIterable<Buffer | Uint8Array>,
  folder: string,
  limits: SpoolLimits,
): Promise<Spooled> {
  await makeHome(folder)
  const path = join(folder, randomUUID())
  const discard = () => rm(path, { force: true })
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      const facts = await copy(source, (chunk) => file.writeFile(chunk), limits)
      await file.sync()
      return { path, ...facts, discard }
    } finally {
      await file.close()
    }
  } catch (error) {
    await discard()
    throw named(error)
  }
}

async function copy(
  source: AsyncIterable<Buffer | Uint8Array>,
  write: (chunk: Buffer) => Promise<void>,
  limits: SpoolLimits,
): Promise<Omit<Spooled, 'path' | 'discard'>> {
  const sha256 = createHash('sha256')
  const md5 = createHash('md5')
  const checker = limits.line === undefined ? undefined : checkLines(limits.line)
  let bytes = 0
  for await (const piece of source) {
    const chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(piece)
    bytes += chunk.length
    if (bytes > limits.bytes) throw fail('file_too_large', { limit: limits.bytes, setting: limits.setting })
    sha256.update(chunk)
    md5.update(chunk)
    checker?.feed(chunk)
    await write(chunk)
  }
  return { bytes, hash: sha256.digest('hex'), md5: md5.digest('hex'), lines: checker?.end() ?? null }
}

/** Checks a spooled file as JSONL afterwards, where its purpose was not known before; gives it with its lines counted. */
export async function checkSpooled(spooled: Spooled, longestLine: number): Promise<Spooled> {
  const checker = checkLines(longestLine)
  for await (const chunk of createReadStream(spooled.path)) checker.feed(chunk as Buffer)
  return { ...spooled, lines: checker.end() }
}

/** Checks JSONL as it passes: every line that is not empty is an object, and there is one at least. */
function checkLines(longest: number): { feed(chunk: Buffer): void; end(): number } {
  const splitter = createLineSplitter(longest)
  let count = 0
  const check = (lines: Iterable<Line>) => {
    for (const { number, bytes } of lines) {
      try {
        if (readObject(bytes) !== undefined) count += 1
      } catch (error) {
        throw fail('invalid_file', { param: 'file', line: number, reason: (error as Error).message })
      }
    }
  }
  return {
    feed: (chunk) => check(splitter.feed(chunk)),
    end() {
      check(splitter.end())
      if (count === 0) throw fail('invalid_file', { param: 'file', reason: 'it has no line that holds anything' })
      return count
    },
  }
}

function named(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT') return fail('file_store_failed', { reason: 'the disk is full' }, error)
  return error
}
