// Signing in by OpenID Connect: asks the provider that the operator set up who somebody is. Code flow with PKCE, state and nonce; outgoing
// requests only through egress. Knows no person of ours.

import * as client from 'openid-client'
import type { Clock } from '../../base/clock.ts'
import type { Egress } from '../../base/egress.ts'
import { Failure, fail } from '../../base/errors.ts'

/** What the operator set. */
export interface OidcSettings {
  readonly issuer: string
  readonly clientId: string
  /** Absent: a public client. */
  readonly clientSecret?: string
}

/** What a browser must bring back with it; kept in a cookie of a few minutes. */
export interface OidcFlow {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** Whom the provider vouches for. */
export interface OidcIdentity {
  readonly issuer: string
  readonly subject: string
  /** Only where the provider says that it checked it; in lower case. */
  readonly email: string | undefined
  readonly name: string | undefined
}

/** The way to one provider. */
export interface Oidc {
  readonly issuer: string
  /** Where to send the browser, and what it must bring back. Throws `oidc_failed`. */
  begin(redirectUri: string): Promise<{ readonly url: string; readonly flow: OidcFlow }>
  /** Who came back to `url`. Throws `oidc_failed` for all that does not fit the flow. */
  finish(url: URL, flow: OidcFlow): Promise<OidcIdentity>
}

/** Keys and addresses of the provider are read again after this long. */
const freshMs = 3_600_000
const policy = { allowPrivate: true, maxRedirects: 0, timeoutMs: 15_000, maxBytes: 1_048_576 }

/** Opens the way; the provider is asked at the first sign-in. */
export function createOidc(
  settings: OidcSettings,
  { egress, clock }: { readonly egress: Egress; readonly clock: Clock },
): Oidc {
  const { issuer, clientId, clientSecret } = settings
  let known: { readonly configuration: Promise<client.Configuration>; readonly at: number } | undefined
  const discover = (): Promise<client.Configuration> => {
    const now = clock.elapsed()
    if (known !== undefined && now - known.at < freshMs) return known.configuration
    const authentication = clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret)
    const configuration = client.discovery(new URL(issuer), clientId, undefined, authentication, {
      [client.customFetch]: through(egress),
      // The operator wrote http, for a provider on this machine or behind a wall.
      ...(issuer.startsWith('http:') && { execute: [client.allowInsecureRequests] }),
    })
    known = { configuration, at: now }
    // What failed is not kept.
    configuration.catch(() => (known = undefined))
    return configuration
  }
  const told = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    try {
      return await work()
    } catch (error) {
      if (error instanceof Failure && error.code === 'oidc_failed') throw error
      throw fail('oidc_failed', { issuer, reason: error instanceof Error ? error.message : String(error) }, error)
    }
  }
  return {
    issuer,
    begin: (redirect_uri) =>
      told(async () => {
        const flow = {
          ...{ state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier() },
        }
        const url = client.buildAuthorizationUrl(await discover(), {
          ...{ redirect_uri, scope: 'openid email profile', state: flow.state, nonce: flow.nonce },
          ...{ code_challenge: await client.calculatePKCECodeChallenge(flow.verifier), code_challenge_method: 'S256' },
        })
        return { url: url.href, flow }
      }),
    finish: (url, flow) =>
      told(async () => {
        const configuration = await discover()
        const tokens = await client.authorizationCodeGrant(configuration, url, {
          ...{
            pkceCodeVerifier: flow.verifier,
            expectedState: flow.state,
            expectedNonce: flow.nonce,
            idTokenExpected: true,
          },
        })
        const claims = tokens.claims()
        if (claims === undefined) throw fail('oidc_failed', { issuer, reason: 'it sent no id token' })
        // Some providers tell the address at their userinfo endpoint alone.
        const more =
          claims['email'] === undefined && configuration.serverMetadata().userinfo_endpoint !== undefined
            ? await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)
            : {}
        return identityOf(claims.iss, claims.sub, { ...claims, ...more })
      }),
  }
}

function identityOf(issuer: string, subject: string, claims: Readonly<Record<string, unknown>>): OidcIdentity {
  const { email, email_verified: verified, name } = claims
  return {
    ...{ issuer, subject },
    email: typeof email === 'string' && verified === true ? email.toLowerCase() : undefined,
    name: typeof name === 'string' && name !== '' ? name : undefined,
  }
}

/** Their client speaks fetch; ours is the only way out. */
function through(egress: Egress): client.CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    const answer = await egress.request({
      ...{ url, purpose: 'oidc', policy, method: method === 'POST' ? 'POST' : 'GET' },
      headers: Object.fromEntries(new Headers(headers as HeadersInit)),
      ...(body !== null && body !== undefined && { body: String(body) }),
      ...(signal !== undefined && signal !== null && { signal }),
    })
    const text = await answer.text()
    const type = answer.headers['content-type']
    return new Response(text === '' ? null : text, {
      status: answer.status,
      headers: typeof type === 'string' ? { 'content-type': type } : {},
    })
  }
}
