// A real OpenID Connect provider on the loopback, with people that a test names. Signing in there takes no password: its address tells who.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

/** What the provider knows of a person. */
export interface ProvidedPerson {
  readonly sub: string
  readonly email?: string
  readonly email_verified?: boolean
  readonly name?: string
}

/** A running provider. */
export interface RunningProvider {
  readonly issuer: string
  /** Follows the browser's way through the provider as this person; returns the address that it leads back to. */
  signIn(start: string, sub: string): Promise<string>
  stop(): Promise<void>
}

/** Starts it for one client with this secret and way back. */
export async function startProvider(options: {
  readonly people: readonly ProvidedPerson[]
  readonly clientId: string
  readonly clientSecret: string
  readonly redirectUri: () => string
}): Promise<RunningProvider> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let provider: Provider | undefined
  // Our own address is known later than the provider's: it is made at the first request.
  const made = (): Provider => (provider ??= createProvider(issuer, options))
  server.on('request', (request, response) => {
    void handle(made(), request, response)
  })
  return {
    issuer,
    signIn: (start, sub) => walk(issuer, start, sub),
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function createProvider(issuer: string, options: Parameters<typeof startProvider>[0]): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: options.clientId,
        client_secret: options.clientSecret,
        redirect_uris: [options.redirectUri()],
        response_types: ['code'],
        grant_types: ['authorization_code'],
      },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    cookies: { keys: ['a key for tests'] },
    async findAccount(_context, id) {
      const person = options.people.find(({ sub }) => sub === id)
      return person === undefined ? undefined : { accountId: id, claims: async () => ({ ...person }) }
    },
  })
}

/** Our part of the provider: whoever says in a header who they are has signed in and agreed. */
async function handle(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!(request.url ?? '').startsWith('/interaction/')) return void provider.callback()(request, response)
  const { params, grantId } = await provider.interactionDetails(request, response)
  const accountId = String(request.headers['test-person'])
  const grant =
    (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ??
    new provider.Grant({ accountId, clientId: String(params['client_id']) })
  grant.addOIDCScope('openid email profile')
  const result = { login: { accountId }, consent: { grantId: await grant.save() } }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
}

/** A browser that keeps cookies and follows redirects as long as they stay at the provider. */
async function walk(issuer: string, start: string, sub: string): Promise<string> {
  const cookies = new Map<string, string>()
  let url = start
  for (let step = 0; step < 10; step++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie, 'test-person': sub } })
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split(/=(.*)/s)
      cookies.set(name, value)
    }
    const location = answer.headers.get('location')
    if (location === null) throw new Error(`the provider answers ${answer.status}: ${await answer.text()}`)
    url = new URL(location, url).href
    if (!url.startsWith(issuer)) return url
  }
  throw new Error('the provider leads in circles')
}
