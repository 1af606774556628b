// Row 6: from starting the process to the first answer, the model already on disk.
import { complete, type Target } from '../load.ts'

/** Starts a server, asks for one token, stops it; returns milliseconds from start to answer. */
export async function measureColdStart(
  start: () => Promise<{ target: Target; stop: () => Promise<unknown> }>,
): Promise<number> {
  const started = performance.now()
  const server = await start()
  await complete(server.target, 'The capital of France is', 1)
  const elapsed = performance.now() - started
  await server.stop()
  return elapsed
}
