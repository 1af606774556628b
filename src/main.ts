// Starts the product: ground → engines → store → accounts → models → server, each a file of `start/`. Stops it in reverse. Knows no terminal.
import { type Clock, systemClock } from './base/clock.ts'
import type { Config } from './base/config.ts'
import type { Log } from './base/log.ts'
import type { Pool } from './engine/pool-types.ts'
import { type EngineOptions, orderEngines } from './start/engine.ts'
import { layGround } from './start/ground.ts'
import type { ModelCard } from './wire/model.ts'

/** What a start needs besides the settings. */
export interface StartOptions extends EngineOptions {
  readonly log: Log
  readonly clock?: Clock
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
  const ground = await layGround(config, { log, clock })
  const stop = () => ground.opened.close()
  try {
    // The weights load in other processes while everything else is made ready in this one.
    const engines = await orderEngines(ground, options)
    // So does most of the program's own code.
    const [{ openStore }, { openAccounts }, { openModels }, { openServer }] = await Promise.all([
      import('./start/store.ts'),
      import('./start/accounts.ts'),
      import('./start/models.ts'),
      import('./start/server.ts'),
    ])
    const store = await openStore(ground)
    const accounts = await openAccounts(ground, store)
    const models = await openModels(ground, engines, store, accounts)
    const url = await openServer(ground, engines, store, accounts, models)
    const { key } = store
    await key.shown()
    const { registry, pool } = models
    return { url, newKey: key.secret, keyFile: key.file, models: registry.list({}), plans: pool.plans, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
