// Orders the engines: weights first, then a process per model, which loads while the rest of the server is made ready.
import { compileCacheVariable } from '../base/compile-cache.ts'
import { type Config, childEnvironment } from '../base/config.ts'
import { prefixFolder } from '../base/home.ts'
import { hasGraphicsPackage, readDevices } from '../engine/devices.ts'
import { openPool } from '../engine/pool.ts'
import type { Pool } from '../engine/pool-types.ts'
import type { SpareEngine } from '../engine/spare.ts'
import { storedAdapters } from '../features/models/adapter-store.ts'
import { openPlaces, type PlaceBook } from '../features/models/place-book.ts'
import type { PullOptions } from '../features/models/pull.ts'
import type { PullProgress } from '../features/models/pull-progress.ts'
import { placeOf, pullOptions, servedModels } from '../features/models/served.ts'
import { bytesOf } from '../features/models/served-adapters.ts'
import { openCorrections } from '../features/plans/corrections.ts'
import { checkAddress } from '../http/listen.ts'
import type { Ground } from './ground.ts'

/** What engines need besides the settings. */
export interface EngineOptions {
  /** An engine process that was forked ahead of time. */
  readonly spare?: SpareEngine
  /** Told of weights being fetched, with the model as the user named it. */
  readonly onPull?: (model: string, progress: PullProgress) => void
  /** Aborting gives the start up; what was opened is closed again. */
  readonly signal?: AbortSignal
}

/** Engines that have their orders. */
export interface Engines {
  /** Resolves when every model is planned and begins to load; `Pool.ready` says when they have. */
  readonly loading: Promise<Pool>
  readonly places: PlaceBook
  /** How weights are pulled, read anew each time: tokens change. */
  pulling(): Promise<PullOptions>
  /** As it was at the start. */
  readonly first: PullOptions
}

/** Orders them. Resolves when they have begun, or where weights must be fetched first, which takes longer than all the rest. */
export async function orderEngines(ground: Ground, options: EngineOptions): Promise<Engines> {
  const { config, log, environment, egress, opened } = ground
  const pulling = () => pullOptions(config, egress, environment)
  const first = await pulling()
  const places = openPlaces(config.home, log)
  const fetching = Promise.withResolvers<void>()
  const onPull: EngineOptions['onPull'] = (model, progress) => {
    fetching.resolve()
    options.onPull?.(model, progress)
  }
  const givenUp = new AbortController()
  const signal = AbortSignal.any([givenUp.signal, ...(options.signal === undefined ? [] : [options.signal])])
  const loading = load(ground, first, places, { ...options, onPull, signal })
  // A failure is told where it is waited for.
  loading.catch(() => {})
  opened.push(async () => {
    givenUp.abort()
    await (await loading.catch(() => undefined))?.stop()
  })
  // A taken port is told before anybody waits for weights.
  await checkAddress(config)
  await Promise.race([loading, fetching.promise])
  return { loading, places, pulling, first }
}

async function load(
  { config, log, clock }: Ground,
  pulling: PullOptions,
  places: PlaceBook,
  { signal, spare, onPull = () => {} }: EngineOptions,
): Promise<Pool> {
  const models = await servedModels(config, { ...pulling, ...(signal !== undefined && { signal }) }, onPull)
  const adapters = await storedAdapters(config.home)
  return openPool({
    models: models.map((model) => ({
      ...model,
      adapterBytes: bytesOf(model.name, adapters),
      ...engineSettings(config),
      ...placeOf(model, config),
      ...places.of(model.name),
    })),
    threads: config.threads,
    memoryBytes: config.modelsMemory,
    idleMs: config.modelIdleTimeout,
    loadTimeoutMs: config.loadTimeout,
    log,
    clock,
    environment: childEnvironment(compileCacheVariable()),
    spare,
    corrections: openCorrections(config.home, log),
    devices: hasGraphicsPackage() ? await readDevices(childEnvironment()).catch(() => []) : [],
  })
}

/** What the settings say of every model's engine; what is absent the plan decides. */
export function engineSettings(config: Config) {
  const { streams, contextLength, pooling, kvType, layout } = config
  const bytes = config.prefixCacheDisk / Math.max(1, config.model.length)
  const prefixDisk =
    bytes > 0 ? { folder: prefixFolder(config.home), bytes, keepMs: config.prefixCacheKeep } : undefined
  return { streams, contextLength, pooling, kvType, layout, prefixDisk }
}
