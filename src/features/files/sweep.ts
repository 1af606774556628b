// Removes what nobody may or can reach any more: expired files and uploads, streams that broke off, bytes that no row names.
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Contents } from './contents.ts'
import type { Files } from './files.ts'
import type { Uploads } from './uploads.ts'

/** What is swept. */
export interface SweepParts {
  readonly files: Files
  readonly uploads: Uploads
  readonly contents: Contents
  readonly spoolFolder: string
  readonly clock: Clock
  /** Told of a sweep that failed; the next one tries again. */
  readonly onError: (error: unknown) => void
}

const minute = 60_000
const day = 86_400_000
/** Between putting bytes and naming them pass seconds; what is this old and has no name was left by a process that died. */
const orphanAge = 3_600_000
const atOnce = 100

/** Sweeps now and then, until stopped. Several processes may sweep the same stores. */
export function startSweep(parts: SweepParts): { stop(): Promise<void> } {
  let orphansSoughtAt = Number.NEGATIVE_INFINITY
  let running = Promise.resolve()
  const sweep = async () => {
    await sweepExpired(parts)
    if (parts.clock.now() - orphansSoughtAt < day) return
    orphansSoughtAt = parts.clock.now()
    await sweepOrphans(parts)
  }
  const round = () => {
    running = running.then(sweep).catch(parts.onError)
  }
  const timer = setInterval(round, minute)
  timer.unref()
  round()
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}

/** Deletes files and uploads whose time is over. */
export async function sweepExpired({
  files,
  uploads,
  clock,
}: Pick<SweepParts, 'files' | 'uploads' | 'clock'>): Promise<void> {
  for (;;) {
    const ids = await files.store.expired(clock.now(), atOnce)
    if (ids.length === 0) break
    await files.remove(ids)
  }
  await uploads.dropExpired()
}

/** Deletes bytes that were put and never named, and streams that were never taken to their end. */
export async function sweepOrphans({ files, contents, spoolFolder, clock }: SweepParts): Promise<void> {
  const before = clock.now() - orphanAge
  for await (const { key, putAt } of contents.list()) {
    if (putAt < before && !(await files.store.isKnown(key))) await contents.remove(key)
  }
  // As long as the longest upload of one file may take.
  await contents.removeUnfinished(clock.now() - day)
  for (const name of await readdir(spoolFolder).catch(() => [])) {
    const path = join(spoolFolder, name)
    const facts = await stat(path).catch(() => undefined)
    // A stream that still arrives is written to.
    if (facts !== undefined && facts.mtimeMs < clock.now() - day) await rm(path, { force: true })
  }
}
