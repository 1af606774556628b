// Names the files in `home` that the server writes and the command line reads. Opens none.
import { join } from 'node:path'

/** Where the running server listens; absent while none runs. */
export function addressFile(home: string): string {
  return join(home, 'address')
}

/** A working key for the command line, mode 0600. */
export function keyFile(home: string): string {
  return join(home, 'key')
}

/** The embedded database. */
export function databaseFile(home: string): string {
  return join(home, 'galerne.sqlite')
}

/** Lines typed into `galerne chat`, mode 0600. */
export function historyFile(home: string): string {
  return join(home, 'chat-history')
}
