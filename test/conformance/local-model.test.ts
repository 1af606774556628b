// The conformance suite over a real engine process with the starter model.

import { startPool } from '../../src/engine/pool.ts'
import { silentLog } from '../support/engine.ts'
import { starterModel } from '../support/weights.ts'
import { runModelConformance } from './model.ts'

runModelConformance('a local model', async () => {
  const path = await starterModel()
  const models = [{ name: 'starter', path, streams: 4, contextLength: 2048 }]
  const pool = await startPool({ models, threads: 1, log: silentLog })
  const [model] = pool.models
  if (model === undefined) throw new Error('The pool has no model.')
  return { model, stop: () => pool.stop() }
})
