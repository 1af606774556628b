// What a start has opened so far. Closes the last first.
import type { Log } from '../base/log.ts'

/** Grows while the server starts. */
export interface Opened {
  /** Notes how to close what was just opened. */
  push(close: () => Promise<unknown>): void
  /** Closes everything; one that fails to close does not keep the others open. A second call waits for the first. */
  close(): Promise<void>
}

/** Nothing yet. */
export function nothingOpened(log: Log): Opened {
  const closes: (() => Promise<unknown>)[] = []
  let closing: Promise<void> | undefined
  const closeAll = async () => {
    for (const close of closes.reverse()) {
      await close().catch((error: unknown) => log.error({ error }, 'could not be closed'))
    }
  }
  return {
    push: (close) => void closes.push(close),
    close: () => (closing ??= closeAll()),
  }
}
