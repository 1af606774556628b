// The devices that the engine sees on this machine, as its library lists them.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { programFile } from '../base/program-files.ts'

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

/** Whether an engine package for GPUs is installed: only then is it worth asking. On a Mac with Apple's chips the usual one is for Metal. */
export function hasGraphicsPackage(platform: NodeJS.Platform = process.platform, architecture = process.arch): boolean {
  if (platform === 'darwin') return architecture === 'arm64'
  const stem = `@node-llama-cpp/${platform === 'win32' ? 'win' : platform}-${architecture}`
  return ['cuda', 'vulkan'].some((variant) => isInstalled(`${stem}-${variant}`))
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false
  }
}

/** Asks the library in a process of its own. Rejects where that does not load. */
export async function readDevices(environment: Readonly<Record<string, string>>): Promise<readonly EngineDevice[]> {
  const script = programFile('engine/child/list-devices')
  const { stdout } = await run(process.execPath, [script], { env: { ...environment }, timeout: 60_000 })
  return JSON.parse(stdout) as EngineDevice[]
}
