// Reads one member out of a wheel, which is a ZIP archive and hostile input: bounded, streamed, nothing else unpacked. APPNOTE.TXT 6.3.

import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { createInflateRaw } from 'node:zlib'

const signature = { end: 0x06054b50, entry: 0x02014b50, local: 0x04034b50 }
const sizes = { end: 22, entry: 46, local: 30, longestComment: 65_535 }

/** The directory of a wheel with ten thousand files is smaller. */
const largestDirectory = 16 * 1_048_576

interface Member {
  /** 0 is stored, 8 is deflate. */
  readonly method: number
  readonly compressedSize: number
  readonly size: number
  readonly localOffset: number
}

/**
 * Streams the bytes of `name`. Throws an `Error` where the archive is broken, encrypted or in the ZIP64 form (over 4 GiB), has no
 * such member, or where the member is longer than its directory says.
 */
export async function* wheelMember(path: string, name: string): AsyncGenerator<Uint8Array> {
  const { member, start } = await find(path, name)
  const raw = createReadStream(path, { start, end: start + member.compressedSize - 1, highWaterMark: 1_048_576 })
  const inflated = member.method === 0 ? raw : raw.pipe(createInflateRaw({ chunkSize: 262_144 }))
  raw.on('error', (error) => inflated.destroy(error))
  let size = 0
  try {
    for await (const chunk of inflated as AsyncIterable<Uint8Array>) {
      size += chunk.length
      if (size > member.size) throw new Error(`${name} is longer than the archive says`)
      yield chunk
    }
  } finally {
    raw.destroy()
  }
  if (size !== member.size) throw new Error(`${name} is shorter than the archive says`)
}

async function find(path: string, name: string): Promise<{ member: Member; start: number }> {
  const handle = await open(path)
  try {
    const member = findEntry(await readDirectory(handle), name)
    const local = await readAt(handle, member.localOffset, sizes.local)
    if (local.readUInt32LE(0) !== signature.local) throw new Error('the archive is broken')
    // The lengths of name and extra field here may differ from those in the directory.
    return { member, start: member.localOffset + sizes.local + local.readUInt16LE(26) + local.readUInt16LE(28) }
  } finally {
    await handle.close()
  }
}

/** The central directory, found through the record at the end of the file. */
async function readDirectory(handle: FileHandle): Promise<Buffer> {
  const { size } = await handle.stat()
  const tailSize = Math.min(size, sizes.end + sizes.longestComment)
  const tail = await readAt(handle, size - tailSize, tailSize)
  let at = tail.length - sizes.end
  while (at >= 0 && tail.readUInt32LE(at) !== signature.end) at--
  if (at < 0) throw new Error('it is not a ZIP archive, or it is not whole')
  const [length, offset] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)]
  if (offset === 0xffffffff) throw new Error('it is in the ZIP64 form, which is not read')
  if (length > largestDirectory || offset + length > size) throw new Error('the archive is broken')
  return await readAt(handle, offset, length)
}

function findEntry(directory: Buffer, name: string): Member {
  for (let at = 0; at + sizes.entry <= directory.length; ) {
    if (directory.readUInt32LE(at) !== signature.entry) break
    const nameLength = directory.readUInt16LE(at + 28)
    const nameStart = at + sizes.entry
    if (directory.toString('utf8', nameStart, nameStart + nameLength) === name) return readEntry(directory, at, name)
    at = nameStart + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  }
  throw new Error(`there is no ${name} in it`)
}

function readEntry(directory: Buffer, at: number, name: string): Member {
  const [flags, method] = [directory.readUInt16LE(at + 8), directory.readUInt16LE(at + 10)]
  if ((flags & 1) !== 0) throw new Error(`${name} is encrypted`)
  if (method !== 0 && method !== 8) throw new Error(`${name} is compressed in a way that is not read (${method})`)
  const [compressedSize, size] = [directory.readUInt32LE(at + 20), directory.readUInt32LE(at + 24)]
  if (compressedSize === 0xffffffff || size === 0xffffffff)
    throw new Error('it is in the ZIP64 form, which is not read')
  return { method, compressedSize, size, localOffset: directory.readUInt32LE(at + 42) }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
  if (bytesRead !== length) throw new Error('the archive is not whole')
  return buffer
}
