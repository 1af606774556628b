// Reads a tar archive member by member, in order, each as fast as it is taken. Knows nothing of what is in it.

import { createReadStream } from 'node:fs'
import { Parser, type ReadEntry } from 'tar'
import { refused } from './archive-manifest.ts'

/** The members of an archive, one at a time: the next one comes when this one has been read. `onBytes` is told of bytes read so far. */
export async function* entriesOf(archive: string, onBytes: (done: number) => void): AsyncGenerator<ReadEntry> {
  const waiting: ReadEntry[] = []
  let news = Promise.withResolvers<void>()
  let current: ReadEntry | undefined
  let failure: Error | undefined
  let ended = false
  const failed = (error: Error) => {
    failure ??= refused(`the archive cannot be read: ${error.message}`)
    // Whoever reads a member that never ends would wait for ever.
    current?.destroy(failure)
    news.resolve()
  }
  const parser = new Parser({
    strict: true,
    onReadEntry(entry) {
      // Nobody may be reading it when it breaks; whoever reads it is told all the same.
      entry.on('error', () => {})
      waiting.push(entry)
      news.resolve()
    },
  })
  parser.on('error', failed)
  parser.on('end', () => {
    ended = true
    news.resolve()
  })
  const file = createReadStream(archive, { highWaterMark: 1_048_576 })
  file.on('error', failed)
  file.on('data', () => onBytes(file.bytesRead))
  file.pipe(parser as unknown as NodeJS.WritableStream)
  try {
    for (;;) {
      current = waiting.shift()
      if (failure !== undefined) throw failure
      if (current !== undefined) yield current
      else if (ended) return
      else await news.promise
      news = Promise.withResolvers<void>()
    }
  } finally {
    file.destroy()
  }
}
