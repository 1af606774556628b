// PostgreSQL compiled to WebAssembly behind a socket, so that the dialect is checked on a machine without PostgreSQL. One per test file.

import type { AddressInfo } from 'node:net'
import { after } from 'node:test'
import type { PGLiteSocketServer } from '@electric-sql/pglite-socket'

/** A running PGlite. */
interface Started {
  readonly url: string
  empty(): Promise<void>
  stop(): Promise<void>
}

let started: Promise<Started> | undefined

/** The file's PGlite, emptied; started at the first call, which takes seconds, and ended after the file's last test. */
export async function emptyPglite(): Promise<{ readonly url: string; remove(): Promise<void> }> {
  started ??= start()
  const { url, empty } = await started
  return { url, remove: empty }
}

after(async () => {
  await (await started)?.stop()
})

/** Loaded only where it is needed: it takes 450 MB. */
async function start(): Promise<Started> {
  const [{ PGlite }, { PGLiteSocketServer }] = await Promise.all([
    import('@electric-sql/pglite'),
    import('@electric-sql/pglite-socket'),
  ])
  const database = await PGlite.create()
  const server = new PGLiteSocketServer({ db: database, host: '127.0.0.1', port: 0, maxConnections: 200 })
  await server.start()
  return {
    url: `postgres://postgres@127.0.0.1:${portOf(server)}/postgres`,
    async empty() {
      await database.exec('drop schema public cascade; create schema public')
      // What a suite set for its session would be set for the next one too.
      await database.exec('discard all')
    },
    async stop() {
      await server.stop()
      await database.close()
    },
  }
}

/** The port that was taken for 0; the class has no public name for it. */
function portOf(server: PGLiteSocketServer): number {
  const { address } = Reflect.get(server, 'server') as { address(): AddressInfo }
  return address.call(Reflect.get(server, 'server')).port
}
