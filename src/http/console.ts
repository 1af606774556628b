// The console's files, as the build left them, under a policy that lets the page speak with this server alone. Knows no page of it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { projectFolder } from '../base/program-files.ts'
import type { Server } from '../wire/exchange.ts'

/** Where `scripts/build.ts` has Vite put the files. */
const folder = join(projectFolder, 'console/dist')

/** No inline script or style, nothing from elsewhere, and no page of others around ours. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const headers = {
  'content-security-policy': policy,
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
}

/** Answers an address of the console with its page; false where the request is not for it. */
export type SendConsole = (request: FastifyRequest, reply: FastifyReply) => boolean

/** Adds the files, where they were built; where not, every address is the API's. */
export async function registerConsole(server: Server): Promise<SendConsole> {
  const index = join(folder, 'index.html')
  if (!existsSync(index)) return () => false
  const page = readFileSync(index)
  await server.register(async (inside) => {
    inside.addHook('onRoute', (route) => {
      route.config = { ...route.config, open: true }
      route.schema = { ...route.schema, hide: true }
    })
    await inside.register(fastifyStatic, {
      root: folder,
      // A route for each file, as it would make them, costs every start 20 ms: one is for all that the build names.
      serve: false,
      cacheControl: false,
      setHeaders(response, path) {
        // Names of built files change with their content; the page that names them must be asked for each time.
        const lasting = path.startsWith(join(folder, 'assets'))
        void response.header('cache-control', lasting ? 'public, max-age=31536000, immutable' : 'no-cache')
        void response.headers(headers)
      },
    })
    const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())
    for (const { name } of files) inside.get(`/${name}`, (_, reply) => (reply as FastifyReply).sendFile(name))
    inside.get('/', (_, reply) => (reply as FastifyReply).sendFile('index.html'))
    inside.get<{ Params: { '*': string } }>('/assets/*', ({ params }, reply) =>
      (reply as FastifyReply).sendFile(`assets/${params['*']}`),
    )
  })
  return (request, reply) => {
    if (!wantsConsole(request)) return false
    void reply
      .headers({ ...headers, 'cache-control': 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(page)
    return true
  }
}

/**
 * A person who opens an address of the console (`/traces/42`) gets the page, which finds its way by itself. Programs get the 404:
 * they do not ask for HTML, and never under a path of the API.
 */
function wantsConsole({ method, url, headers: sent }: Pick<FastifyRequest, 'method' | 'url' | 'headers'>): boolean {
  const path = url.split('?', 1)[0] ?? ''
  if (method !== 'GET' && method !== 'HEAD') return false
  if (/^\/(v\d+|galerne|telemetry|assets)(\/|$)/.test(path) || /\.\w+$/.test(path)) return false
  return (sent.accept ?? '').includes('text/html')
}
