// Fetches one file of a hub into the cache that Hugging Face's own client uses, or takes it from there, so that no file lies on a machine twice.

import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { withFileLock } from '../../database/file-lock.ts'
import type { HubSource } from './catalogue-schema.ts'
import { dropPartial } from './download.ts'
import { sizeOf } from './download-disk.ts'
import { type HubAccess, locateOnHub } from './download-hub.ts'
import {
  type CachePlace,
  findInCache,
  isCacheUsable,
  nameInCache,
  placeInCache,
  replaceLink,
} from './download-hub-cache.ts'
import { withPatience } from './download-patience.ts'
import {
  askingAgain,
  type Download,
  type Expected,
  type Located,
  type SourceContext,
  SourceError,
} from './download-source.ts'
import { check, fetchChecked } from './pull-check.ts'
import { type PresentFile, reuse, sameOf } from './pull-version.ts'

/** One file of a hub to fetch. */
export interface HubFetch {
  readonly source: HubSource
  readonly hub: HubAccess
  readonly label: string
  /** The file's name of ours: the file itself, or a link into the cache. */
  readonly path: string
  readonly expected: Expected
  /** Its versions that are here, one of which may be the same. */
  readonly present: readonly PresentFile[] | undefined
  readonly cache: string | undefined
  readonly context: SourceContext
  /** Called with the right hash before the file gets its name. */
  readonly note: (sha256: string, fetched: boolean) => Promise<void>
}

/** Whether the bytes were fetched, and their hash. */
interface Fetched {
  readonly sha256: string
  readonly fetched: boolean
}

/** Takes the file from the cache where it is there, else fetches it into the cache; where that cannot be written, into its own place. */
export async function fetchFromHub(job: HubFetch): Promise<Fetched> {
  const { cache, source, expected } = job
  const known = cache === undefined || expected.sha256 === undefined ? undefined : await adopt(job, cache)
  if (known !== undefined) return known
  const locate = () => locateOnHub(source, job.hub, job.context)
  const located = await locateFirst(job, locate)
  if (!('url' in located)) return located
  const sha256 = expected.sha256 ?? located.sha256
  const same = sameOf(job.present, sha256)
  if (same !== undefined) {
    await reuse(same, job.path)
    await job.note(same.sha256, false)
    return { sha256: same.sha256, fetched: false }
  }
  const again = askingAgain(located, locate)
  if (cache === undefined || sha256 === undefined || !(await isCacheUsable(cache)))
    return await fetchPlainly(job, again)
  return await fetchIntoCache(job, placeInCache(cache, source.repository, sha256), located.commit, again)
}

/** Where the file is; or the file itself, out of the cache, where the hub cannot be reached. */
async function locateFirst(job: HubFetch, locate: () => Promise<Located>): Promise<Located | Fetched> {
  const { label, expected, context, cache, path } = job
  try {
    return await withPatience({ label, locate, partial: path, expected, context }, async () => 0, locate)
  } catch (error) {
    const unreachable = error instanceof SourceError && !error.final && !error.answered
    const known = unreachable && cache !== undefined ? await adopt(job, cache) : undefined
    if (known === undefined) throw error
    return known
  }
}

async function fetchPlainly(job: HubFetch, locate: () => Promise<Located>): Promise<Fetched> {
  const partial = `${job.path}.partial`
  const sha256 = await fetchChecked(downloadOf(job, locate, partial))
  await job.note(sha256, true)
  await rename(partial, job.path)
  await dropPartial(partial)
  return { sha256, fetched: true }
}

async function fetchIntoCache(
  job: HubFetch,
  place: CachePlace,
  commit: string | undefined,
  locate: () => Promise<Located>,
): Promise<Fetched> {
  const { context } = job
  const lock = join(dirname(place.folder), '.locks', `galerne--${place.sha256}.lock`)
  const onWait = () => context.meter.phase('waiting', 'another process', 0, job.expected.bytes)
  return await withFileLock(
    lock,
    async () => {
      // Somebody else may have fetched it, now or long ago.
      if (await isRight(place, job)) return await link(job, place, commit, false)
      const partial = `${place.blob}.galerne`
      await mkdir(dirname(place.blob), { recursive: true })
      await fetchChecked(downloadOf(job, locate, partial))
      await rename(partial, place.blob)
      await dropPartial(partial)
      return await link(job, place, commit, true)
    },
    { onWait, ...(context.signal !== undefined && { signal: context.signal }) },
  )
}

function downloadOf({ label, expected, context }: HubFetch, locate: () => Promise<Located>, partial: string): Download {
  return { label, locate, partial, expected, context }
}

/** The file out of the cache; undefined where it is not there, or not what its name says. */
async function adopt(job: HubFetch, cache: string): Promise<Fetched | undefined> {
  const place = await findInCache(cache, job.source, job.expected.sha256)
  if (place === undefined || !(await isRight(place, job))) return undefined
  return await link(job, place, undefined, false)
}

/** A hash in a name is a promise; it is kept by nobody but who counts. */
async function isRight(place: CachePlace, { label, expected, context }: HubFetch): Promise<boolean> {
  if ((await sizeOf(place.blob)) === 0) return false
  try {
    await check(place.blob, `${label}, in the cache`, { ...expected, sha256: place.sha256 }, context)
    return true
  } catch (error) {
    if (error instanceof SourceError) return false
    throw error
  }
}

async function link(job: HubFetch, place: CachePlace, commit: string | undefined, fetched: boolean): Promise<Fetched> {
  // A cache that may only be read gives its file all the same.
  await nameInCache(place, job.source, commit).catch((error: unknown) => {
    if (fetched) throw error
  })
  await job.note(place.sha256, fetched)
  await rm(`${job.path}.partial`, { force: true })
  await replaceLink(job.path, place.blob)
  return { sha256: place.sha256, fetched }
}
