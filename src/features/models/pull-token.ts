// Reads a hub's token from where a reference says it is.

import { fail } from '../../base/errors.ts'
import { readSecret } from '../../base/secret.ts'

/** Resolves `env:NAME` or `file:PATH` to the token. Throws `invalid_value` that names the place, never the value. */
export async function readHubToken(
  reference: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const token = await readSecret(reference, environment, 'hub-token')
  if (token.includes(' ')) {
    throw fail('invalid_value', { param: 'hub-token', reason: `what ${reference} holds is no token` })
  }
  return token
}
