// Measures how fast this machine reads its memory with all cores: what decides how fast a model generates. Takes about half a second.

import { Worker } from 'node:worker_threads'
import { programUrl } from '../base/program-files.ts'

const milliseconds = 250

/** Bytes a second that so many threads read together. */
export async function measureBandwidth(threads: number): Promise<number> {
  const file = programUrl('engine/bandwidth-worker')
  const workers = Array.from({ length: threads }, () => new Worker(file))
  try {
    // All have their memory before any begins.
    await Promise.all(workers.map(answer))
    const rates = workers.map(answer)
    for (const worker of workers) worker.postMessage(milliseconds)
    return (await Promise.all(rates)).reduce((sum, rate) => sum + rate, 0)
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function answer(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}
