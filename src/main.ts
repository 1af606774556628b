// Starts the product in five calls, config → database → engine → registry → http, and stops it in reverse. Knows no terminal.
import { access, constants, rm, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, systemClock } from './base/clock.ts'
import { compileCacheVariable } from './base/compile-cache.ts'
import { type Config, childEnvironment, processEnvironment } from './base/config.ts'
import { createEgress } from './base/egress.ts'
import { fail } from './base/errors.ts'
import { addressFile, databaseFile, makeHome, prefixFolder } from './base/home.ts'
import type { Log } from './base/log.ts'
import { version } from './base/version.ts'
import { connect } from './database/connect.ts'
import { createNotices } from './database/notices.ts'
import { openReader } from './database/reader.ts'
import { hasGraphicsPackage, readDevices } from './engine/devices.ts'
import { openPool } from './engine/pool.ts'
import type { Pool } from './engine/pool-types.ts'
import type { SpareEngine } from './engine/spare.ts'
import { createActs } from './features/audit/acts.ts'
import { openBatches } from './features/batches/batches.ts'
import { openMoney } from './features/budgets/open.ts'
import { configuredPoster } from './features/budgets/webhook.ts'
import { openFiles } from './features/files/open.ts'
import { firstKey } from './features/keys/first.ts'
import { keyVerifier } from './features/keys/verify.ts'
import { invitesByMail } from './features/members/invite-mail.ts'
import { adaptedRegistry } from './features/models/adapted.ts'
import { targetsOf } from './features/models/alias.ts'
import { localModels } from './features/models/local-models.ts'
import { openPlaces, type PlaceBook } from './features/models/place-book.ts'
import type { PullOptions } from './features/models/pull.ts'
import { Pulls } from './features/models/pull-jobs.ts'
import type { PullProgress } from './features/models/pull-progress.ts'
import { createRegistry, type Registry } from './features/models/registry.ts'
import { openRouting } from './features/models/routing.ts'
import { countDigest, placeOf, pullOptions, servedModels, weightFiles } from './features/models/served.ts'
import { servedAdapters } from './features/models/served-adapters.ts'
import { ownFigures } from './features/organisation/figures.ts'
import { openCorrections } from './features/plans/corrections.ts'
import { machineDevices } from './features/plans/machine.ts'
import { openPrompts } from './features/prompts/open.ts'
import { openOidc } from './features/sessions/open-oidc.ts'
import { openTraces } from './features/traces/open.ts'
import { openExporter } from './features/traces/open-exporter.ts'
import { spanRedactor } from './features/traces/redact.ts'
import { startTraceRetention } from './features/traces/retention.ts'
import { estimatedRecord, knownCosts } from './features/usage/estimated.ts'
import { openUsage } from './features/usage/open.ts'
import { startReconciling } from './features/usage/reconcile.ts'
import { checkAddress, listen } from './http/listen.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { ChatRequest } from './wire/chat.ts'
import { CompletionRequest } from './wire/completions.ts'
import type { Caller } from './wire/exchange.ts'
import type { ModelCard } from './wire/model.ts'
import { prepareChecks } from './wire/validate.ts'

/** What a start needs besides the settings. */
export interface StartOptions {
  readonly log: Log
  readonly clock?: Clock
  /** An engine process that was forked ahead of time. */
  readonly spare?: SpareEngine
  /** Told of weights being fetched, with the model as the user named it. */
  readonly onPull?: (model: string, progress: PullProgress) => void
  /** Aborting gives the start up; what was opened is closed again. */
  readonly signal?: AbortSignal
}

/** A running server. */
export interface Running {
  /** Where it listens: `http://127.0.0.1:6420`. */
  readonly url: string
  /** The secret made by this start; undefined where the database already had a key. */
  readonly newKey: string | undefined
  /** File that keeps a working key for the CLI. */
  readonly keyFile: string
  readonly models: readonly ModelCard[]
  readonly plans: Pool['plans']
  /** Lets running answers finish within `drain-timeout`, then closes everything. A second call waits for the first. */
  stop(): Promise<void>
}

/** Starts everything; throws with what went wrong, after closing what was open. */
export async function start(config: Config, options: StartOptions): Promise<Running> {
  const { log, clock = systemClock } = options
  const environment = processEnvironment()
  const opened: (() => Promise<unknown>)[] = []
  const stop = once(() => closeAll(opened, log))
  try {
    await checkCertificate(config)
    await checkAddress(config)
    await prepareHome(config)
    const egress = createEgress({ clock })
    opened.push(() => egress.close())
    const pulling = () => pullOptions(config, egress, environment)
    const first = await pulling()
    // The weights load in another process while everything else is made ready in this one.
    const places = openPlaces(config.home, log)
    const fetching = Promise.withResolvers<void>()
    const onPull: StartOptions['onPull'] = (model, progress) => {
      fetching.resolve()
      options.onPull?.(model, progress)
    }
    const loading = openEngine(config, first, { ...options, onPull }, clock, places)
    // A failure is told where it is waited for.
    loading.catch(() => {})
    opened.push(() => stopped(loading))
    // The engine has its orders before this thread is busy with all the rest; what must be fetched first takes longer than that.
    await Promise.race([loading, fetching.promise])
    const database = await connect(config.databaseUrl ?? `sqlite:${databaseFile(config.home)}`)
    opened.push(() => database.close())
    const notices = await createNotices(database, { log })
    opened.push(() => notices.close())
    const key = await firstKey(database, clock, {
      home: config.home,
      ...(config.apiKey !== undefined && { given: config.apiKey }),
    })
    const files = await openFiles({ config, database, environment, clock, log })
    opened.push(() => files.close())
    const reader = openReader(database)
    opened.push(() => reader.close())
    const usage = await openUsage({ ...config, database, reader, notices, clock, log })
    opened.push(() => usage.close())
    const pulls = new Pulls({ pulling, catalogue: first.catalogue, clock, log })
    const [pool, http] = await Promise.all([loading, import('./http/server.ts')])
    opened.push(() => pool.stop())
    const { keepsContent, writer } = usage
    const prompts = openPrompts(database, clock)
    opened.push(() => prompts.close())
    const money = await openMoney({
      ...{ database, notices, clock, log, knownCosts, egress, currency: config.currency, alerting: config },
      onEstimated: (calls) => writer.write(calls.map(estimatedRecord)),
    })
    opened.push(() => money.stop())
    const { limits } = money
    const reconciling = await startReconciling({ database, limits, clock, log })
    opened.push(() => reconciling.stop())
    const exporter = await openExporter(config, { egress, log, environment })
    const redact = spanRedactor(usage)
    const traces = openTraces({ database, reader, clock, log, keepsContent, redact, ...(exporter && { exporter }) })
    opened.push(() => traces.close())
    const traceRetention = await startTraceRetention({
      ...{ database, clock, log, store: traces.store, settings: usage.settings },
    })
    opened.push(() => traceRetention.stop())
    const oidc = await openOidc(config, { egress, clock, environment })
    const mailInvite = invitesByMail(config, { egress, log })
    const metrics = createMetrics()
    const keys = keyVerifier(database, clock, notices)
    const acts = createActs(database, clock, notices, keys.forget)
    const behind = (name: string): ModelCard | undefined => registry.behind(name)
    const post = configuredPoster(config, { egress, clock })
    const routing = await openRouting({ acts, notices, clock, log, metrics, behind, ...(post && { post }) })
    opened.push(() => routing.stop())
    const bare = createRegistry({
      models: [],
      clock,
      log,
      metrics,
      queueLength: config.queueLength,
      usage,
      trace: traces.record,
      limits,
      routing,
    })
    const registry: Registry = adaptedRegistry(bare)
    const aliases = () => routing.aliases.all().map((alias) => ({ name: alias.name, targets: targetsOf(alias) }))
    const adapters = servedAdapters({ pool, registry, home: config.home, aliases, log })
    const local = localModels({
      ...{ pool, registry, home: config.home, clock, engine: engineSettings(config) },
      ...{ hubCache: first.hubCache, catalogue: first.catalogue, places, log, adapters },
      aliases,
    })
    const batches = openBatches({
      ...{ database, files: files.files, registry, clock, log, fillPrompt: prompts.fill },
      usageKept: () => usage.writer.flush(),
      graceMs: config.drainTimeout,
    })
    opened.push(() => batches.stop())
    const models = (caller: Caller) => registry.list(caller).map(({ name }) => name)
    const server = await http.createServer({
      config,
      registry,
      files,
      traces,
      prompts,
      keys,
      acts,
      routing,
      ...(oidc !== undefined && { oidc }),
      ...(mailInvite !== undefined && { mailInvite }),
      figures: ownFigures({ query: reader.query, limits, models, clock }),
      accounting: { ...usage, limits },
      money,
      pulls,
      local: { models: local, home: config.home, devices: machineDevices(childEnvironment()) },
      batches,
      log,
      clock,
      metrics,
      engines: () => pool.metrics(),
      version,
    })
    // Batches end their running lines while live answers end.
    opened.push(() => Promise.all([server.drain.stop(config.drainTimeout), batches.stop()]))
    // Who watches a pull would hold the server open.
    opened.push(() => pulls.close())
    // While the weights still load: half of the first answer's time would be this.
    prepareChecks([ChatRequest, CompletionRequest])
    await pool.ready()
    for (const model of pool.models) registry.add(model)
    for (const { model } of pool.states()) await adapters.attach(model)
    const targets = () => aliases().flatMap((alias) => alias.targets)
    await local.restore(targets())
    // An alias that another node set may lead to weights that lie here and are not served yet.
    routing.aliases.watch(() => void local.restore(targets()))
    batches.start()
    const url = await listen(server, config)
    const counting = new AbortController()
    opened.push(async () => counting.abort())
    void learnDigests(pool, config.home, { log, signal: counting.signal })
    await writeFile(addressFile(config.home), `${url}\n`, { mode: 0o600 })
    opened.push(() => rm(addressFile(config.home), { force: true }))
    return { url, newKey: key.secret, keyFile: key.file, models: registry.list({}), plans: pool.plans, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Ends the engine of a start that failed while it was loading. */
async function stopped(loading: Promise<Pool>): Promise<void> {
  const pool = await loading.catch(() => undefined)
  await pool?.stop()
}

/** Weights first, then a process per model: when all is planned they have begun to load. */
async function openEngine(
  config: Config,
  pulling: PullOptions,
  options: StartOptions,
  clock: Clock,
  places: PlaceBook,
): Promise<Pool> {
  const models = await servedModels(
    config,
    { ...pulling, ...(options.signal !== undefined && { signal: options.signal }) },
    options.onPull ?? (() => {}),
  )
  return openPool({
    models: models.map((model) => ({
      ...model,
      ...engineSettings(config),
      ...placeOf(model, config),
      ...places.of(model.name),
    })),
    threads: config.threads,
    memoryBytes: config.modelsMemory,
    idleMs: config.modelIdleTimeout,
    loadTimeoutMs: config.loadTimeout,
    log: options.log,
    clock,
    environment: childEnvironment(compileCacheVariable()),
    spare: options.spare,
    corrections: openCorrections(config.home, options.log),
    devices: hasGraphicsPackage() ? await readDevices(childEnvironment()).catch(() => []) : [],
  })
}

/** So long after the start, in milliseconds, that whoever waited for it has the first answer. */
const digestsAfter = 2_000

/** Counts the digests of a user's own weights, one model after the other, while their models answer already. */
async function learnDigests(
  pool: Pool,
  home: string,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  await delay(digestsAfter, undefined, { signal, ref: false }).catch(() => {})
  for (const { model, digest, path } of pool.states()) {
    if (digest !== null || signal.aborted) continue
    try {
      const counted = await countDigest({ digest: undefined, files: weightFiles(path) }, home, signal)
      if (counted !== undefined) pool.learnDigest(model, counted)
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error, model }, 'the digest of these weights could not be counted')
    }
  }
}

/** What the settings say of every model's engine; what is absent the plan decides. */
function engineSettings(config: Config) {
  const { streams, contextLength, pooling, kvType, layout } = config
  const bytes = config.prefixCacheDisk / Math.max(1, config.model.length)
  const prefixDisk =
    bytes > 0 ? { folder: prefixFolder(config.home), bytes, keepMs: config.prefixCacheKeep } : undefined
  return { streams, contextLength, pooling, kvType, layout, prefixDisk }
}

async function prepareHome({ home }: Config): Promise<void> {
  try {
    await makeHome(home)
  } catch (error) {
    throw fail('invalid_value', { param: 'home', reason: `${home} cannot be made: ${(error as Error).message}` }, error)
  }
}

/** Before anything slow: a file that cannot be read is told with its setting's name. */
async function checkCertificate({ tlsCert, tlsKey }: Config): Promise<void> {
  for (const [param, path] of [
    ['tls-cert', tlsCert],
    ['tls-key', tlsKey],
  ] as const) {
    if (path === undefined) continue
    await access(path, constants.R_OK).catch((error: Error) => {
      throw fail('invalid_value', { param, reason: `${path} cannot be read: ${error.message}` }, error)
    })
  }
}

/** The last opened closes first; one that fails to close does not keep the others open. */
async function closeAll(opened: readonly (() => Promise<unknown>)[], log: Log): Promise<void> {
  for (const close of [...opened].reverse()) {
    await close().catch((error: unknown) => log.error({ error }, 'could not be closed'))
  }
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => (running ??= run())
}
