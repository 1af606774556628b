// Real weights for tests: finds them in a folder, or fetches them once with the product's own pull. Knows no test.

import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createEgress } from '../../src/base/egress.ts'
import { findInCatalogue } from '../../src/features/models/catalogue.ts'
import { verify } from '../../src/features/models/download-verify.ts'
import { pull } from '../../src/features/models/pull.ts'

/** Not in git; outlives a test run. */
const cache = join(import.meta.dirname, '../../.cache')

/** Path of SmolLM2-135M-Instruct Q4_1 (98 MB, `llama` architecture, ChatML). Rejects with the reasons where it cannot be had. */
export function starterModel(): Promise<string> {
  return once('smollm2-135m-instruct')
}

/** Path of Gemma 3 270M Q4_K_M (253 MB, sliding-window attention). Rejects with the reasons where it cannot be had. */
export function gemmaModel(): Promise<string> {
  return once('gemma-3-270m')
}

/** Path of all-MiniLM-L6-v2 F16 (46 MB, embeddings), converted here. Rejects with the reasons where it cannot be had. */
export function embeddingModel(): Promise<string> {
  return once('all-minilm-l6-v2')
}

const found = new Map<string, Promise<string>>()

function once(name: string): Promise<string> {
  const promise = found.get(name) ?? find(name)
  found.set(name, promise)
  return promise
}

async function find(name: string): Promise<string> {
  const folder = process.env['GALERNE_TEST_MODELS']
  const entry = findInCatalogue(name)
  if (entry === undefined) throw new Error(`the catalogue has no ${name}`)
  if (folder !== undefined) {
    const path = join(folder, entry.file)
    const facts = await stat(path).catch(() => undefined)
    if (facts !== undefined) {
      // Hashing takes half a second, and every test file is a process of its own: a file is hashed again when it changes.
      const stamp = join(cache, `${entry.file}.checked`)
      const state = `${path} ${facts.size} ${facts.mtimeMs}`
      if ((await readFile(stamp, 'utf8').catch(() => '')) === state) return path
      await verify(path, entry)
      await mkdir(cache, { recursive: true })
      await writeFile(stamp, state)
      return path
    }
  }
  const egress = createEgress()
  try {
    return (await pull(name, { home: cache, egress })).path
  } finally {
    await egress.close()
  }
}
