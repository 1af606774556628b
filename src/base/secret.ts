// Reads a secret from where a setting says it is, so that no setting, log or process list holds the secret itself.

import { readFile } from 'node:fs/promises'
import { fail } from './errors.ts'

/**
 * Resolves `env:NAME` or `file:PATH` to the secret: printable ASCII, blanks at the ends cut off. `environment` is handed in: only the
 * configuration reads the process's own. Throws `invalid_value` that names the setting and the place, never the value.
 */
export async function readSecret(
  reference: string,
  environment: Readonly<Record<string, string | undefined>>,
  param: string,
): Promise<string> {
  const refused = (reason: string) => fail('invalid_value', { param, reason })
  const [kind, ...rest] = reference.split(':')
  const place = rest.join(':')
  const value =
    kind === 'env' ? environment[place] : kind === 'file' ? await readFile(place, 'utf8').catch(() => undefined) : null
  if (value === null || place === '') throw refused('write it as env:NAME or file:PATH, never as the secret itself')
  const secret = value?.trim() ?? ''
  if (secret === '')
    throw refused(kind === 'env' ? `the variable ${place} is not set` : `${place} cannot be read or is empty`)
  if (!/^[ -~]+$/.test(secret)) throw refused(`what ${reference} holds is no line of printable characters`)
  return secret
}
