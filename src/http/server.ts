// The HTTP server: limits, identity, keys, errors, and every feature's routes. Knows no model and no wire shape.
import { readFileSync } from 'node:fs'
import cookie from '@fastify/cookie'
import fastify, { type FastifyServerOptions, LogController } from 'fastify'
import type { Clock } from '../base/clock.ts'
import type { Config } from '../base/config.ts'
import { hexId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import type { Acts } from '../features/audit/acts.ts'
import type { Batches } from '../features/batches/batches.ts'
import { registerBatches } from '../features/batches/routes.ts'
import type { Money } from '../features/budgets/open.ts'
import { registerMoney } from '../features/budgets/register.ts'
import { registerChat } from '../features/chat/routes.ts'
import { registerCompletions } from '../features/completions/routes.ts'
import { registerEmbeddings } from '../features/embeddings/routes.ts'
import { type FileRoutes, registerFiles } from '../features/files/routes.ts'
import { registerHealth } from '../features/health/routes.ts'
import type { MailInvite } from '../features/members/invite-mail.ts'
import { type MetricSources, registerMetrics } from '../features/metrics/routes.ts'
import { registerAliases } from '../features/models/alias-routes.ts'
import type { LocalModels } from '../features/models/local-models.ts'
import { registerLocalModels } from '../features/models/local-routes.ts'
import type { Pulls } from '../features/models/pull-jobs.ts'
import { registerPulls } from '../features/models/pull-routes.ts'
import type { Registry } from '../features/models/registry.ts'
import { registerModels } from '../features/models/routes.ts'
import type { Routing } from '../features/models/routing.ts'
import type { OwnFigures } from '../features/organisation/figures.ts'
import { registerOverview } from '../features/overview/routes.ts'
import type { Forgetting } from '../features/people/forget.ts'
import { type CatalogueParts, registerCatalogue } from '../features/plans/routes.ts'
import type { Prompts } from '../features/prompts/open.ts'
import { registerPrompts } from '../features/prompts/routes.ts'
import { registerRerank } from '../features/rerank/routes.ts'
import { registerResponses } from '../features/responses/routes.ts'
import { createHostCheck } from '../features/sessions/hosts.ts'
import type { OidcRoutes } from '../features/sessions/oidc-routes.ts'
import { sessionVerifier } from '../features/sessions/verify.ts'
import { registerShares } from '../features/shares/routes.ts'
import { registerTokenize } from '../features/tokenize/routes.ts'
import { registerTraces, type TraceParts } from '../features/traces/routes.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Server } from '../wire/exchange.ts'
import { lazyCheck } from '../wire/validate.ts'
import { type Accounting, registerAccounting } from './accounting.ts'
import { registerAdministration } from './administration.ts'
import { authenticate, type Keys } from './authenticate.ts'
import { readJson } from './body.ts'
import { registerConsole } from './console.ts'
import { allowOrigins } from './cors.ts'
import { addDrain } from './drain.ts'
import { openExchanges, setIdentity } from './exchanges.ts'
import { handleFailures, readError, refuseBrokenHttp, sendFailure } from './failures.ts'
import { collectSchemas, registerOpenapi } from './openapi.ts'
import { refuseNullCharacters } from './text.ts'
import { throttle } from './throttle.ts'
import { nameUnknownFields } from './unknown-fields.ts'
import { demandWorkspace } from './workspace.ts'

/** What a server is made of. */
export interface ServerParts {
  readonly config: Pick<Config, 'tlsCert' | 'tlsKey' | 'trustProxy' | 'bodyLimit' | 'fileLimit' | 'keepAlive'> & {
    readonly host?: string | undefined
    readonly publicUrl?: string | undefined
    readonly corsOrigin?: readonly string[] | undefined
  }
  readonly registry: Registry
  readonly keys: Keys
  /** Where files are kept; without it there are no routes for them. */
  readonly files?: Omit<FileRoutes, 'limit'>
  /** Stored prompts; without them there are no routes for them. */
  readonly prompts?: Prompts
  /** Where traces are; without them there are no routes for them. */
  readonly traces?: TraceParts
  /** How administrators change things; without it the routes of administration are not there. */
  readonly acts?: Acts
  /** Usage, costs and prices; with `acts`, else their routes are not there. */
  readonly accounting?: Accounting
  /** The models of this machine; without it there are no routes to load and remove them, nor the catalogue. */
  readonly local?: CatalogueParts & { readonly models: LocalModels }
  /** Aliases that operators set; without it there are no routes for them. */
  readonly routing?: Routing
  /** Where weights are pulled; without it there are no routes for that. */
  readonly pulls?: Pulls
  /** How people sign in by OpenID Connect; absent: by password alone. */
  readonly oidc?: Omit<OidcRoutes, 'acts' | 'checkHost' | 'attempts'>
  /** Mails invitations; absent: whoever invites hands them on. */
  readonly mailInvite?: MailInvite
  /** Limits and budgets. */
  readonly money?: Money
  /** What limits and usage tell a key's holder at /v1/whoami. */
  readonly figures?: OwnFigures
  /** Batches over those files. */
  readonly batches?: Batches
  readonly log: Log
  readonly clock: Clock
  /** The metrics that the registry counts into. */
  readonly metrics: Metrics
  /** Counts of the engines of local models, for /metrics. */
  readonly engines?: MetricSources['engines']
  /** Galerne's version, for the reference. */
  readonly version: string
}

/** The server, ready to listen; `server.drain.stop(timeout)` ends it. */
export async function createServer(parts: ServerParts): Promise<Server> {
  const { config, registry, keys, clock, metrics } = parts
  const server = createBare(parts)
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, readJson)
  server.setValidatorCompiler(({ schema }) => lazyCheck(schema as { readonly $id?: string }))
  // Answers are written once, as they are: that they keep their schemas is proved by tests, not forced by a serializer.
  server.setSerializerCompiler(() => (data) => JSON.stringify(data))
  const sendConsole = await registerConsole(server)
  const exchanges = openExchanges(server, { clock, keepAlive: config.keepAlive })
  await allowOrigins(server, config.corsOrigin ?? [])
  const onRefused = parts.traces?.refused
  handleFailures(server, { bodyLimit: config.bodyLimit, sendConsole, ...(onRefused !== undefined && { onRefused }) })
  const drain = addDrain(server, exchanges)
  const checkHost = createHostCheck(config)
  await server.register(cookie)
  const sessions = parts.acts && { ...sessionVerifier(parts.acts.database, clock), checkHost }
  authenticate(server, keys, sessions)
  throttle(server, { clock })
  refuseNullCharacters(server)
  nameUnknownFields(server)
  if (parts.acts !== undefined) demandWorkspace(server, parts.acts.database)
  await collectSchemas(server, parts.version)

  const { prompts } = parts
  const answering = { registry, ...(prompts !== undefined && { fillPrompt: prompts.fill }) }
  registerChat(server, answering)
  registerCompletions(server, answering)
  registerEmbeddings(server, { registry })
  registerRerank(server, { registry })
  registerResponses(server, answering)
  registerModels(server, { registry })
  registerTokenize(server, { registry })
  if (parts.acts !== undefined && parts.pulls !== undefined)
    registerPulls(server, { pulls: parts.pulls, acts: parts.acts })
  if (parts.local !== undefined) registerCatalogue(server, parts.local)
  if (parts.acts !== undefined && parts.local !== undefined)
    registerLocalModels(server, { ...parts.local, acts: parts.acts })
  if (parts.routing !== undefined)
    registerAliases(server, { routing: parts.routing, behind: (name) => registry.behind(name) })
  if (parts.files !== undefined) await registerFiles(server, { ...parts.files, limit: config.fileLimit })
  if (prompts !== undefined) registerPrompts(server, prompts)
  if (parts.traces !== undefined) await registerTraces(server, { ...parts.traces, metrics })
  if (parts.acts !== undefined) {
    const { acts, figures, oidc, mailInvite } = parts
    registerShares(server, acts)
    registerAdministration(server, {
      ...{ acts, checkHost, keys, forgetting: forgettingOf(parts, acts) },
      ...(figures !== undefined && { figures }),
      ...(mailInvite !== undefined && { mailInvite }),
      ...(oidc !== undefined && { oidc }),
    })
  }
  if (parts.acts !== undefined && parts.money !== undefined) {
    const models = () => registry.list({}).map(({ name }) => name)
    registerMoney(server, { acts: parts.acts, money: parts.money, models })
  }
  if (parts.files !== undefined && parts.batches !== undefined)
    registerBatches(server, { batches: parts.batches, files: parts.files.files })
  if (parts.acts !== undefined && parts.accounting !== undefined) {
    registerAccounting(server, parts.accounting, parts.acts, registry)
  }
  const { local } = parts
  registerHealth(server, { ready: () => !drain.stopping, ...(local && { models: () => local.models.states() }) })
  const engines = {
    ...(parts.engines !== undefined && { engines: parts.engines }),
    ...(local && { states: () => local.models.states() }),
  }
  registerMetrics(server, { ...{ registry, metrics }, ...engines })
  registerOverview(server, { ...{ registry, version: parts.version }, ...engines })
  registerOpenapi(server)
  return server
}

/** What the deletion of a person's data waits for and reaches. */
function forgettingOf({ accounting, traces, files }: ServerParts, { database }: Acts): Omit<Forgetting, 'acts'> {
  return {
    search: accounting?.query ?? database.query,
    async settled() {
      await Promise.all([accounting?.writer.flush(), accounting?.limits?.ledger.flush(), traces?.buffer.settled()])
    },
    ...(files !== undefined && { files: files.files }),
  }
}

function createBare({ config, log }: ServerParts): Server {
  const options: FastifyServerOptions = {
    loggerInstance: log,
    // `meter` writes one line per call; a second one per request would tell less.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => hexId(),
    requestIdHeader: false,
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    bodyLimit: config.bodyLimit,
    // Time to send a request whole, and time a socket may be silent both ways: a stream sends comments long before.
    requestTimeout: 300_000,
    connectionTimeout: 600_000,
    // While stopping, `drain` answers in our own shape.
    return503OnClosing: false,
    clientErrorHandler: refuseBrokenHttp,
    frameworkErrors: (error, request, reply) =>
      void sendFailure(readError(error, request, config.bodyLimit), request, setIdentity(request, reply)),
    // A Mistral client that was given an address with /v1 asks for /v1/v1 (api-surface §3).
    rewriteUrl: ({ url = '/' }) => (url.startsWith('/v1/v1/') ? url.slice(3) : url),
    routerOptions: { maxParamLength: 1024 },
  }
  const { tlsCert, tlsKey } = config
  // A request without Host is refused by `exchanges`, in our own shape.
  const http = { requireHostHeader: false }
  const pair = tlsCert !== undefined && tlsKey !== undefined ? { cert: tlsCert, key: tlsKey } : undefined
  const https = pair && { ...http, cert: readFileSync(pair.cert), key: readFileSync(pair.key) }
  // Routes are the same over TLS; only the type of the socket's server differs.
  const server = fastify({ ...options, ...(https ? { https } : { http }) } as FastifyServerOptions) as unknown as Server
  // Who expects what nobody knows is answered as if they did not (RFC 9110, 10.1.1): Node's own 417 has no body.
  server.server.on('checkExpectation', (request, response) => server.server.emit('request', request, response))
  return server
}
