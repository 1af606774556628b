// Opens the way to the provider that people sign in with, where the operator set one.
import type { Clock } from '../../base/clock.ts'
import type { Config } from '../../base/config.ts'
import type { Egress } from '../../base/egress.ts'
import { fail } from '../../base/errors.ts'
import { readSecret } from '../../base/secret.ts'
import { createOidc } from './oidc.ts'
import type { OidcRoutes } from './oidc-routes.ts'

type Settings = Pick<Config, 'oidcIssuer' | 'oidcClientId' | 'oidcClientSecret' | 'oidcDomain' | 'publicUrl'>

/** What the routes need of it; undefined where no issuer is set. Throws `invalid_value` that names the setting. */
export async function openOidc(
  settings: Settings,
  {
    egress,
    clock,
    environment,
  }: {
    readonly egress: Egress
    readonly clock: Clock
    readonly environment: Readonly<Record<string, string | undefined>>
  },
): Promise<Omit<OidcRoutes, 'acts' | 'checkHost' | 'attempts'> | undefined> {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecret: reference, publicUrl } = settings
  if (issuer === undefined) return undefined
  if (clientId === undefined) throw fail('invalid_value', { param: 'oidc-client-id', reason: 'oidc-issuer needs it' })
  const secret = reference && (await readSecret(reference, environment, 'oidc-client-secret'))
  const oidc = createOidc(
    { issuer, clientId, ...(secret !== undefined && { clientSecret: secret }) },
    { egress, clock },
  )
  return { oidc, domains: settings.oidcDomain, ...(publicUrl !== undefined && { publicUrl }) }
}
