// Opens the address that the settings name, and says early and plainly where it cannot be opened. Knows no route.
import type { Config } from '../base/config.ts'
import { fail } from '../base/errors.ts'
import { tryListening } from '../base/listening.ts'
import { serverAddress } from '../base/server-address.ts'
import type { Server } from '../wire/exchange.ts'

type Address = Pick<Config, 'host' | 'port'>

/** Opens and closes the address once, so that a taken port is told before weights are fetched and loaded. Throws as `listen` does. */
export async function checkAddress({ host, port }: Address): Promise<void> {
  const fault = await tryListening(host, port)
  if (fault !== undefined) throw refused({ host, port }, fault)
}

/** Starts to listen; gives the server's address: `http://127.0.0.1:6420`. Throws `port_in_use`, or `invalid_value` where the host is not this machine's. */
export async function listen(
  server: Server,
  { host, port: wanted, tlsCert }: Address & Pick<Config, 'tlsCert'>,
): Promise<string> {
  try {
    // The greeting says where, once everything is ready.
    await server.listen({ host, port: wanted, listenTextResolver: () => 'listening' })
  } catch (error) {
    throw refused({ host, port: wanted }, error)
  }
  const bound = server.server.address()
  // Port 0 took a free one.
  const port = bound !== null && typeof bound === 'object' ? bound.port : wanted
  return serverAddress(host, port, tlsCert !== undefined)
}

function refused({ host, port }: Address, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return fail('port_in_use', { host, port }, error)
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return fail('invalid_value', { param: 'host', reason: `${host}:${port} cannot be opened (${code})` }, error)
  }
  return error
}
