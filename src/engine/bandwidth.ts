// Measures how fast this machine reads its memory with all cores: what decides how fast a model generates. Takes about half a second.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

const milliseconds = 250

/** Bytes a second that so many threads read together. */
export async function measureBandwidth(threads: number): Promise<number> {
  const file = new URL(`./bandwidth-worker${extname(import.meta.url)}`, import.meta.url)
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
