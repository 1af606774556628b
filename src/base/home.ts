// The data folder: makes it, and names the files in it that the server writes and the command line reads.
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Makes a folder that only its owner enters, and what is missing above it. Throws what the file system says. Not Node's own
 * `recursive`: that never returns where a file system answers ENOENT for a folder that is there, as /proc does (Node 24.21).
 */
export async function makeHome(folder: string): Promise<void> {
  try {
    await makeFolder(folder)
  } catch (error) {
    const above = dirname(folder)
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === folder) throw error
    // It may be there by now: others make the same folders.
    if (!(await exists(above))) await makeHome(above)
    await makeFolder(folder)
  }
}

/** Makes one folder, unless it is there. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' || !(await stat(folder)).isDirectory()) throw error
  })
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** Where the running server listens; absent while none runs. */
export function addressFile(home: string): string {
  return join(home, 'address')
}

/** A working key for the command line, mode 0600. */
export function keyFile(home: string): string {
  return join(home, 'key')
}

/** There while no start that made a key has come as far as to show it. */
export function unseenKeyFile(home: string): string {
  return join(home, 'key-not-shown')
}

/** The embedded database. */
export function databaseFile(home: string): string {
  return join(home, 'galerne.sqlite')
}

/** Prompts that engines have read, for after a restart: only where `prefix-cache-disk` gives them room. */
export function prefixFolder(home: string): string {
  return join(home, 'prefixes')
}

/** Held by commands that work on the whole database without a server, so that they wait for each other. */
export function databaseLockFile(home: string): string {
  return join(home, 'database.lock')
}

/** Lines typed into `galerne chat`, mode 0600. */
export function historyFile(home: string): string {
  return join(home, 'chat-history')
}

/** Contents of files, by hash. */
export function fileFolder(home: string): string {
  return join(home, 'files')
}

/** Files that are still arriving; on the disk of the others, so that they are kept by renaming. */
export function spoolFolder(home: string): string {
  return join(home, 'files', 'incoming')
}
