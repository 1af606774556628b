// Under which names browsers may reach this server as a person: a name that somebody else's DNS leads here must not carry a session.

import type { FastifyRequest } from 'fastify'
import { isRange } from '../../base/addresses.ts'
import { fail } from '../../base/errors.ts'

/** Throws `host_not_allowed` for a request by a name that is not the server's. */
export type HostCheck = (request: Pick<FastifyRequest, 'hostname'>) => void

/** Allows this machine's own names, addresses (nobody's DNS leads to those), the host it listens on and that of `public-url`. */
export function createHostCheck(config: {
  readonly host?: string | undefined
  readonly publicUrl?: string | undefined
}): HostCheck {
  const names = new Set(['localhost', config.host ?? 'localhost'])
  if (config.publicUrl !== undefined) names.add(new URL(config.publicUrl).hostname)
  return ({ hostname }) => {
    const name = hostname.toLowerCase()
    if (names.has(name) || name.endsWith('.localhost') || isRange(name.replace(/^\[|\]$/g, ''))) return
    throw fail('host_not_allowed', { host: name.slice(0, 200) })
  }
}
