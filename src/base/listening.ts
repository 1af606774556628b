// Tries whether an address can be listened on. Opens nothing that stays, and no way out.
import { once } from 'node:events'
import { createServer } from 'node:net'

/** What keeps `host`:`port` from being listened on, such as `EADDRINUSE`; undefined where nothing does. Port 0 is any free one. */
export async function tryListening(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  const server = createServer()
  try {
    server.listen({ host, port })
    await once(server, 'listening')
  } catch (error) {
    return error as NodeJS.ErrnoException
  }
  server.close()
  await once(server, 'close')
  return undefined
}
