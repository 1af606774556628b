// Keeps contents in a folder, readable by its owner alone.
import { createReadStream } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fail } from '../../base/errors.ts'
import { makeHome } from '../../base/home.ts'
import type { Contents } from './contents.ts'

/** Contents in `folder`; files are put by renaming, so they must lie on the same file system. */
export function diskContents(folder: string): Contents {
  // Two letters deep: folders with a million entries are slow everywhere.
  const pathOf = (key: string) => join(folder, key.slice(0, 2), key)
  return {
    async put(key, path) {
      const target = pathOf(key)
      try {
        await makeHome(dirname(target))
        await rename(path, target)
        await syncFolder(dirname(target))
      } catch (error) {
        throw fail('file_store_failed', { reason: (error as Error).message }, error)
      }
    },
    async read(key, range) {
      const path = pathOf(key)
      const file = await open(path, 'r').catch((error: Error) => {
        throw fail('file_store_failed', { reason: error.message }, error)
      })
      if (range === undefined) return createReadStream(path, { fd: file })
      return createReadStream(path, { fd: file, start: range.start, end: range.start + range.length - 1 })
    },
    remove: (key) => rm(pathOf(key), { force: true }),
    // What is put is renamed: it is there or not.
    removeUnfinished: async () => {},
    async *list() {
      for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
        if (!entry.isDirectory() || entry.name.length !== 2) continue
        for (const key of await readdir(join(folder, entry.name))) {
          const facts = await stat(pathOf(key)).catch(() => undefined)
          // Renaming keeps the time of the last write and sets the one of the last change.
          if (facts !== undefined) yield { key, putAt: facts.ctimeMs }
        }
      }
    },
  }
}

/** A rename is durable when the folder is. Windows has no such call. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
