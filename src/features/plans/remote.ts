// Reads the header of a model that is not here, by asking for the first bytes of its files: some 100 KB to 20 MB of what may be 100 GB.

import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { joinHeaders, readHeaderStart } from '../../engine/header.ts'
import type { ModelHeader } from '../../engine/header-types.ts'
import { locateAddress } from '../models/download-address.ts'
import { sourceError } from '../models/download-answer.ts'
import { locateOnHub } from '../models/download-hub.ts'
import { chooseOnHub } from '../models/download-hub-files.ts'
import { locateOnOllama } from '../models/download-ollama.ts'
import { type Located, type SourceContext, SourceError } from '../models/download-source.ts'
import { contextOf, type FetchOptions, hubsOf, usualPlaces } from '../models/pull-file.ts'
import { progressMeter } from '../models/pull-progress.ts'
import {
  type FileSource,
  parseReference,
  type RemoteFile,
  type RemoteModel,
  type RepositoryModel,
  repositoryFiles,
} from '../models/pull-reference.ts'
import { fromHeader } from './find.ts'
import type { PlannedModel } from './report.ts'

/** Asked for at first, and then each time as much as is here: a small vocabulary fits at once. */
const firstBytes = 512 * 1024
/** A header larger than this is no header. */
const mostBytes = 64 * 2 ** 20

/** Whether a reference leads to files elsewhere: `hf:…`, `ollama:…`, `https://…`. */
export function isRemote(reference: string): boolean {
  return /^(hf|ollama|https?):/i.test(reference)
}

/** Plans from what the first bytes say. Throws `invalid_value` for what is no reference, `pull_failed` where they cannot be had. */
export async function findRemote(reference: string, options: FetchOptions): Promise<PlannedModel> {
  const parsed = parseReference(reference, process.cwd())
  if (parsed.type === 'local') throw fail('invalid_value', { param: 'model', reason: `"${reference}" is a path` })
  const folder = await mkdtemp(join(tmpdir(), 'galerne-header-'))
  try {
    const model = parsed.type === 'repository' ? await choose(parsed, options) : parsed
    const headers: ModelHeader[] = []
    for (const [place, file] of model.files.entries())
      headers.push(await readFirst(file, join(folder, `${place}.gguf`), model.name, options))
    const [first, ...others] = headers
    if (first === undefined) throw fail('internal_error')
    return fromHeader(joinHeaders([first, ...others], model.name), model.name)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function choose(model: RepositoryModel, options: FetchOptions): Promise<RemoteModel> {
  return await firstOf(model.name, hubsOf(options), async ({ allowPrivate, ...hub }) => {
    const file = await chooseOnHub(model.choice, hub, context(allowPrivate, options))
    return repositoryFiles(model.choice, file)
  })
}

/** From the first place that answers. */
async function readFirst(file: RemoteFile, path: string, model: string, options: FetchOptions): Promise<ModelHeader> {
  const places = file.sources.flatMap((source) => placesOf(source, options))
  return await firstOf(model, places, async ({ allowPrivate, locate }) => {
    await rm(path, { force: true })
    const asking = context(allowPrivate, options)
    const located = await locate(asking)
    return await readStart(located, path, model, asking)
  })
}

async function firstOf<Place extends { readonly url: string }, Result>(
  model: string,
  places: readonly Place[],
  ask: (place: Place) => Promise<Result>,
): Promise<Result> {
  const reasons: string[] = []
  for (const place of places)
    try {
      return await ask(place)
    } catch (error) {
      const failure = sourceError(error)
      if (!(failure instanceof SourceError)) throw failure
      reasons.push(`${new URL(place.url).host}: ${failure.message.replace(/\.$/, '')}.`)
    }
  throw fail('pull_failed', { model, reasons })
}

interface Place {
  readonly url: string
  readonly allowPrivate: boolean
  readonly locate: (context: SourceContext) => Promise<Located>
}

function placesOf(source: FileSource, options: FetchOptions): readonly Place[] {
  switch (source.type) {
    case 'hub':
      return hubsOf(options).map(({ allowPrivate, ...hub }) => ({
        url: hub.url,
        allowPrivate,
        locate: (asking) => locateOnHub(source, hub, asking),
      }))
    case 'ollama': {
      const url = options.ollamaUrl ?? usualPlaces.ollama
      const allowPrivate = options.ollamaUrl !== undefined
      return [{ url, allowPrivate, locate: (asking) => locateOnOllama(source, url, asking) }]
    }
    case 'url': {
      const allowPrivate = options.allowPrivate === true
      return [{ url: source.url, allowPrivate, locate: (asking) => locateAddress(source.url, asking) }]
    }
    // What is made here has no header to be asked for.
    case 'hub-folder':
    case 'packages':
      return []
  }
}

function context(allowPrivate: boolean, options: FetchOptions): SourceContext {
  return contextOf(progressMeter(systemClock, undefined), allowPrivate, true, options)
}

async function readStart(located: Located, path: string, model: string, asking: SourceContext): Promise<ModelHeader> {
  if (located.bytes === undefined)
    throw new SourceError('it does not say how large the file is, or gives no part of it', { final: true })
  let here = 0
  while (here < Math.min(located.bytes, mostBytes)) {
    const end = Math.min(located.bytes, Math.max(firstBytes, 2 * here))
    await appendFile(path, await readRange(located, here, end, asking))
    here = end
    const header = readHeaderStart(path, located.bytes, model)
    if (header !== undefined) return header
  }
  throw new SourceError(`its first ${here} bytes are no header of a model`, { final: true })
}

/** Bytes from `start` up to `end`, which is not among them. */
async function readRange(located: Located, start: number, end: number, asking: SourceContext): Promise<Buffer> {
  const response = await asking.egress.request({
    url: located.url,
    purpose: 'plan',
    headers: { ...located.headers, range: `bytes=${start}-${end - 1}` },
    policy: { allowPrivate: asking.allowPrivate, idleTimeoutMs: asking.patience.stallMs, maxBytes: end - start },
    ...(asking.signal === undefined ? {} : { signal: asking.signal }),
  })
  if (response.status !== 206) {
    await response.discard()
    throw new SourceError(`it answered ${response.status} where a part of the file was asked for`, { final: true })
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  if (bytes.length !== end - start) throw new SourceError('the connection broke', { final: true })
  return bytes
}
