// The devices that the engine sees on this machine, as its library lists them.

import { execFile } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** One device. An `integrated` one computes in main memory. */
export interface EngineDevice {
  /** `CUDA0`, `Vulkan1`, `Metal`, `CPU`. */
  readonly name: string
  readonly description: string
  readonly kind: 'cpu' | 'gpu' | 'integrated' | 'accelerator'
  readonly freeBytes: number
  readonly totalBytes: number
}

const run = promisify(execFile)

/** Asks the library in a process of its own. Rejects where that does not load. */
export async function readDevices(environment: Readonly<Record<string, string>>): Promise<readonly EngineDevice[]> {
  const script = new URL(`./child/list-devices${extname(import.meta.url)}`, import.meta.url)
  const { stdout } = await run(process.execPath, [fileURLToPath(script)], { env: { ...environment }, timeout: 60_000 })
  return JSON.parse(stdout) as EngineDevice[]
}
