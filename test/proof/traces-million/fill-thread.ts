// A thread that fills one database: SQLite's writes would keep the other database's connection waiting.
import { parentPort, workerData } from 'node:worker_threads'
import { fill } from './traces.ts'

const { url, count, end } = workerData as { readonly url: string; readonly count: number; readonly end: number }
const since = performance.now()
const spans = await fill(url, count, end)
parentPort?.postMessage({ spans, seconds: (performance.now() - since) / 1000 })
