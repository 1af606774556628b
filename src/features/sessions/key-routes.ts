// Signing in to the console with an API key: bounded like a password, and nothing is written down.

import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import { KeySignIn } from '../../wire/sessions.ts'
import type { Attempts } from './attempts.ts'
import type { HostCheck } from './hosts.ts'
import { setKeyCookie } from './key-cookie.ts'

/** What the route needs. */
export interface KeySignInParts {
  readonly checkHost: HostCheck
  readonly attempts: Attempts
  /** Who holds this key; undefined when nobody does, or no longer. */
  verifyKey(secret: string): Promise<Caller | undefined>
}

/** Adds `POST /galerne/v1/session/key`. */
export function registerKeySignIn(server: Server, { checkHost, attempts, verifyKey }: KeySignInParts): void {
  server.post(
    '/galerne/v1/session/key',
    {
      config: { open: true },
      schema: {
        tags: ['sessions'],
        summary: 'Sign in to the console with a key',
        description:
          'The browser keeps the key in a cookie that no script can read. Ends with `DELETE /galerne/v1/session`.',
        body: KeySignIn,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      checkHost(request)
      const attempt = await attempts.begin(request.ip)
      const caller = await verifyKey(request.body.key)
      if (caller === undefined) throw fail('invalid_api_key')
      await attempt.succeeded()
      setKeyCookie(request, reply, request.body.key)
      return reply.code(204).send(null)
    },
  )
}
