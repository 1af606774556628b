// Run in a process of its own by tests: loads the files named on the command line, one after another, and says a line of JSON for each.

import { Failure } from '../../src/base/errors.ts'
import { Context } from '../../src/engine/child/context.ts'
import { loadModel } from '../../src/engine/child/llama-model.ts'
import { readHeader } from '../../src/engine/header.ts'
import { openEngine, prefill, testOptions } from './open-engine.ts'

for (const path of process.argv.slice(2)) {
  try {
    readHeader(path)
    const model = await loadModel(openEngine(), path, { checkTensors: true })
    const context = new Context(openEngine(), model, {
      ...testOptions,
      streams: 1,
      contextLength: 256,
      batchSize: 256,
      microBatchSize: 256,
    })
    const logits = await prefill(context, [1, 2, 3], 0)
    console.log(JSON.stringify({ loaded: true, finite: logits.every(Number.isFinite) }))
    context.free()
    model.free()
  } catch (error) {
    if (error instanceof Failure)
      console.log(JSON.stringify({ loaded: false, code: error.code, message: error.message }))
    else console.log(JSON.stringify({ loaded: false, message: String(error) }))
  }
}
