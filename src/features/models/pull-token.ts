// Reads a hub's token from where a reference says it is, so that no setting, log or process list holds the token itself.

import { readFile } from 'node:fs/promises'
import { fail } from '../../base/errors.ts'

/**
 * Resolves `env:NAME` or `file:PATH` to the token. `environment` is handed in: only the configuration reads the process's own.
 * Throws `invalid_value` that names the place, never the value.
 */
export async function readHubToken(
  reference: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const [kind, ...rest] = reference.split(':')
  const place = rest.join(':')
  const value =
    kind === 'env' ? environment[place] : kind === 'file' ? await readFile(place, 'utf8').catch(() => undefined) : null
  if (value === null || place === '') throw refused('write it as env:NAME or file:PATH, never as the token itself')
  const token = value?.trim() ?? ''
  if (token === '')
    throw refused(kind === 'env' ? `the variable ${place} is not set` : `${place} cannot be read or is empty`)
  if (!/^[!-~]+$/.test(token)) throw refused(`what ${reference} holds is no token`)
  return token
}

const refused = (reason: string) => fail('invalid_value', { param: 'hub-token', reason })
