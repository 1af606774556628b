// One file of weights as a Model for as long as a function runs: for commands that measure it, without a server.

import { createLog, type Log } from '../base/log.ts'
import type { Model } from '../wire/model.ts'
import { startPool } from './pool.ts'
import type { ChildEnvironment } from './spare.ts'

/** How the file is loaded. */
export interface OneModelOptions {
  readonly path: string
  readonly name: string
  /** Tokens that one prompt may have. */
  readonly contextLength: number
  readonly environment: ChildEnvironment
  /** Threads to compute on; the free cores without it. */
  readonly threads?: number | undefined
  readonly log?: Log
}

/** Loads the file, runs the function, and ends the process. @throws Failure `model_load_failed` */
export async function withModel<Result>(
  { path, name, contextLength, environment, threads, log }: OneModelOptions,
  use: (model: Model) => Promise<Result>,
): Promise<Result> {
  const pool = await startPool({
    models: [{ name, path, streams: 1, contextLength }],
    log: log ?? createLog({ level: 'silent', readable: false }),
    environment,
    threads,
  })
  try {
    const [model] = pool.models
    if (model === undefined) throw new Error('The pool has no model.')
    return await use(model)
  } finally {
    await pool.stop()
  }
}
