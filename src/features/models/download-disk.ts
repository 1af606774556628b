// Writes what arrives to a partial file, and tells a full disk from other faults. Knows no network.

import { type FileHandle, mkdir, open, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Failure, fail } from '../../base/errors.ts'

/** Bytes that are collected before a write: one system call a mebibyte. */
const writeSize = 1_048_576

/** A file that grows. */
export interface GrowingFile {
  /** Bytes accepted so far, written or about to be. */
  readonly size: number
  append(bytes: Uint8Array): Promise<void>
  /** Throws away everything from `size` on. */
  truncate(size: number): Promise<void>
  /** Writes the rest and closes; with `sync`, only after the disk has it. */
  close(options?: { readonly sync?: boolean }): Promise<void>
}

/** Size of a file in bytes; 0 where there is none. */
export async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    (facts) => facts.size,
    () => 0,
  )
}

/** Opens a file for growing from its present end; makes it and its folder where absent. */
export async function openGrowing(path: string): Promise<GrowingFile> {
  await mkdir(dirname(path), { recursive: true })
  const handle = await open(path, 'a', 0o644)
  let written = (await handle.stat()).size
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  const flush = async () => {
    const chunks = waiting
    const bytes = waitingBytes
    waiting = []
    waitingBytes = 0
    if (bytes > 0) await writeAt(handle, Buffer.concat(chunks), null, path)
    written += bytes
  }
  return {
    get size() {
      return written + waitingBytes
    },
    async append(bytes) {
      waiting.push(bytes)
      waitingBytes += bytes.length
      if (waitingBytes >= writeSize) await flush()
    },
    async truncate(size) {
      await flush()
      await handle.truncate(size)
      written = size
    },
    async close(options = {}) {
      try {
        await flush()
        if (options.sync === true) await handle.sync()
      } finally {
        await handle.close()
      }
    },
  }
}

/** Writes at a position, or at the end of a file opened for appending; throws `disk_full`. */
export async function writeAt(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number | null,
  path: string,
): Promise<void> {
  try {
    // A nearly full disk takes a part: the rest is tried, and then the error comes.
    for (let from = 0; from < bytes.length; ) {
      const at = position === null ? null : position + from
      from += (await handle.write(bytes, from, bytes.length - from, at)).bytesWritten
    }
  } catch (error) {
    if (isDiskFull(error)) throw await diskFull(path, bytes.length)
    throw error
  }
}

/** ENOSPC and EDQUOT are a full disk and a full quota, EFBIG a limit on the size of files. */
function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '')
}

/** Throws `disk_full` now rather than after an hour, where the disk of `path` has fewer than `needed` bytes free. */
export async function requireRoom(path: string, needed: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if ((await freeBytes(path)) < needed) throw await diskFull(path, needed)
}

async function diskFull(path: string, needed: number): Promise<Failure> {
  return fail('disk_full', { path: dirname(path), needed, free: await freeBytes(path) })
}

async function freeBytes(path: string): Promise<number> {
  const disk = await statfs(dirname(path))
  return disk.bavail * disk.bsize
}
