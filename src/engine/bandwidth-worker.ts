// One thread of the bandwidth probe: reads a block of memory over and over for as long as it is told, and says how much it read.

import { parentPort } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'

/** More than a processor's caches hold. */
const blockBytes = 96 * 2 ** 20

const block = Buffer.alloc(blockBytes, 1)
parentPort?.on('message', (milliseconds: number) => {
  const started = systemClock.elapsed()
  let bytes = 0
  // Looking for a byte that is not there reads every byte, with the widest loads that the processor has.
  while (systemClock.elapsed() - started < milliseconds) if (block.indexOf(0) < 0) bytes += blockBytes
  parentPort?.postMessage((bytes / (systemClock.elapsed() - started)) * 1000)
})
parentPort?.postMessage(0)
