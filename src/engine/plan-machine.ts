// What this machine offers an engine: memory that is free for it, and cores that compute. Knows no model.

import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, platform, totalmem } from 'node:os'

/** What a plan may spend. */
export interface Machine {
  /** Bytes that can be taken now, limits of containers included. */
  readonly availableBytes: number
  readonly totalBytes: number
  /** Cores to compute on: physical ones, within the process's affinity and quota. */
  readonly cores: number
}

/** Reads it from the system. */
export function readMachine(): Machine {
  const total = totalmem()
  const limit = process.constrainedMemory()
  return {
    // Both look at cgroups: a container's limit is the machine that we have.
    availableBytes: process.availableMemory(),
    totalBytes: limit > 0 && limit < total ? limit : total,
    cores: Math.max(1, Math.min(availableParallelism(), physicalCores() ?? Number.POSITIVE_INFINITY)),
  }
}

/** Two threads on one core's hyperthreads wait for each other at ggml's barriers, so siblings count once. Unknown outside Linux. */
function physicalCores(): number | undefined {
  if (platform() !== 'linux') return undefined
  const root = '/sys/devices/system/cpu'
  try {
    const siblings = new Set<string>()
    for (const name of readdirSync(root))
      if (/^cpu\d+$/.test(name))
        siblings.add(readFileSync(`${root}/${name}/topology/thread_siblings_list`, 'utf8').trim())
    return siblings.size > 0 ? siblings.size : undefined
  } catch {
    return undefined
  }
}
