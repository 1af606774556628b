// Makes sure that a model's weights are on disk, whole and checked: from the first source that can give them. Knows no server.

import { createHash } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Clock, systemClock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { withFileLock } from '../../database/file-lock.ts'
import { type CatalogueEntry, findInCatalogue } from './catalogue.ts'
import { sourceError } from './download-answer.ts'
import { sizeOf } from './download-disk.ts'
import { chooseOnHub } from './download-hub-files.ts'
import { SourceError } from './download-source.ts'
import { startsAsWeights } from './download-verify.ts'
import { contextOf, type FetchOptions, fetchFile, hubsOf } from './pull-file.ts'
import { type PulledFile, type PulledModel, readNote } from './pull-note.ts'
import { type ProgressMeter, type PullProgress, partMeter, progressMeter } from './pull-progress.ts'
import {
  type LocalModel,
  parseReference,
  type RemoteFile,
  type RemoteModel,
  type RepositoryModel,
  repositoryFiles,
} from './pull-reference.ts'
import { dropStaged, keepVersion, presentVersions, stagedFile } from './pull-version.ts'
import { findQuantised } from './quantised.ts'

/** Where weights go, and how they may be fetched. */
export interface PullOptions extends FetchOptions {
  /** The data folder; weights lie in `<home>/models`. */
  readonly home: string
  readonly clock?: Clock
  /** Folder that a relative path starts from; the working directory by default. */
  readonly folder?: string
  readonly onProgress?: (progress: PullProgress) => void
  /** Asks the source also where weights are here: other bytes become a version beside them. */
  readonly update?: boolean
  /** Models known by name, instead of ours. */
  readonly catalogue?: readonly CatalogueEntry[]
}

/**
 * Returns the weights that `reference` names (a catalogue name, one that was quantised here, a path, `hf:owner/repository:file.gguf`,
 * `ollama:name:tag`, an https address), fetching them where they are not there yet; a model in several files comes whole. Two processes that pull the same file do
 * it once. Throws `invalid_value`, `disk_full`, or `pull_failed` with one reason per source; what has arrived is kept for the next try.
 */
export async function pull(reference: string, options: PullOptions): Promise<PulledModel> {
  const made = await findMade(reference, options)
  if (made !== undefined) return made
  const parsed = parseReference(reference, options.folder ?? process.cwd(), options.catalogue)
  if (parsed.type === 'local') return await findLocal(parsed)
  const meter = progressMeter(options.clock ?? systemClock, options.onProgress)
  const model = parsed.type === 'repository' ? await choose(parsed, meter, options) : parsed
  const present = await findPulled(model, options.home)
  if (present !== undefined && options.update !== true) return present
  const lock = join(options.home, 'models', '.locks', `${model.files[0]?.file.replaceAll(/[\\/]/g, '--')}.lock`)
  return await withFileLock(
    lock,
    async () => {
      const there = await findPulled(model, options.home)
      if (there === undefined) return await fetchModel(model, { reference, meter }, options)
      return options.update === true ? await fetchVersion(there, model, { reference, meter }, options) : there
    },
    {
      onWait: () => meter.phase('waiting', 'another process', 0, model.bytes),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  )
}

/** The hash of a model: its file's own, or of several the SHA-256 of their hashes in hexadecimal, a line each, in order. */
export function digestOf(files: readonly Pick<PulledFile, 'sha256'>[]): string | undefined {
  const hashes = files.map(({ sha256 }) => sha256)
  if (hashes.length === 1 || hashes.includes(undefined)) return hashes.length === 1 ? hashes[0] : undefined
  return createHash('sha256')
    .update(hashes.map((hash) => `${hash}\n`).join(''))
    .digest('hex')
}

/** Weights that are in `home` already, without asking anybody; undefined where they are not. Throws `invalid_value` like `pull`. */
export async function findPulledModel(
  reference: string,
  options: Pick<PullOptions, 'home' | 'catalogue'>,
): Promise<PulledModel | undefined> {
  const parsed = parseReference(reference, '/', options.catalogue)
  if (parsed.type === 'local') {
    const reason = 'a path is taken from the command line and the settings only'
    throw fail('invalid_value', { param: 'model', reason })
  }
  const model = parsed.type === 'repository' ? await chosenBefore(parsed, options.home) : parsed
  return model === undefined ? undefined : await findPulled(model, options.home)
}

/** What `galerne quantize` made, unless the catalogue has that name. */
async function findMade(
  reference: string,
  { home, catalogue }: Pick<PullOptions, 'home' | 'catalogue'>,
): Promise<PulledModel | undefined> {
  return findInCatalogue(reference, catalogue) === undefined ? await findQuantised(reference, home) : undefined
}

async function findLocal(model: LocalModel): Promise<PulledModel> {
  const files: PulledFile[] = []
  for (const path of model.paths) {
    const facts = await stat(path).catch(() => undefined)
    if (facts === undefined) throw fail('invalid_value', { param: 'model', reason: `there is no file ${path}` })
    if (!facts.isFile() || !(await startsAsWeights(path))) {
      throw fail('invalid_value', { param: 'model', reason: `${path} is not a GGUF file` })
    }
    files.push({ path, bytes: facts.size, sha256: undefined })
  }
  return assemble(model.name, files, 'disk', false)
}

function assemble(name: string, files: readonly PulledFile[], source: string, fetched: boolean): PulledModel {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  return { name, path: files[0]?.path ?? '', bytes, sha256: digestOf(files), files, source, fetched }
}

/** A file has its final name only after its hash was checked, so its presence is enough. */
async function findPulled(model: RemoteModel, home: string): Promise<PulledModel | undefined> {
  const files: PulledFile[] = []
  let source = 'disk'
  for (const file of model.files) {
    const path = join(home, 'models', file.file)
    const bytes = await sizeOf(path)
    if (bytes === 0 || (file.bytes !== undefined && bytes !== file.bytes)) return undefined
    const note = await readNote(path)
    source = note?.source ?? source
    files.push({ path, bytes, sha256: note?.sha256 ?? file.sha256 })
  }
  return assemble(model.name, files, source, false)
}

/** What the source has now, as a version beside what is here; what is here, where that is the same. */
async function fetchVersion(
  there: PulledModel,
  model: RemoteModel,
  about: { readonly reference: string; readonly meter: ProgressMeter },
  options: PullOptions,
): Promise<PulledModel> {
  const files: RemoteFile[] = []
  for (const [index, file] of model.files.entries()) {
    const present = await presentVersions(there.files[index]?.path ?? '')
    files.push({ ...file, file: stagedFile(file.file), present })
  }
  const fetched = await fetchModel({ ...model, files }, about, options)
  const paths = fetched.files.map(({ path }) => path)
  if (fetched.sha256 === undefined || fetched.sha256 === there.sha256) {
    await dropStaged(paths)
    return there
  }
  const kept = await keepVersion(paths, fetched.sha256)
  return assemble(
    model.name,
    fetched.files.map((file, index) => ({ ...file, path: kept[index] ?? '' })),
    fetched.source,
    fetched.fetched,
  )
}

/** The files one after the other, each in parallel parts; progress is that of all together. */
async function fetchModel(
  model: RemoteModel,
  { reference, meter }: { readonly reference: string; readonly meter: ProgressMeter },
  options: PullOptions,
): Promise<PulledModel> {
  const files: PulledFile[] = []
  let [source, fetched, before] = ['disk', false, 0]
  for (const file of model.files) {
    const path = join(options.home, 'models', file.file)
    const many = model.files.length > 1
    const about = {
      name: model.name,
      reference,
      meter: many ? partMeter(meter, before, model.bytes, `${files.length + 1} of ${model.files.length}`) : meter,
    }
    const done = await presentOrFetched(file, path, about, options)
    if ('reasons' in done) throw fail('pull_failed', { model: model.name, reasons: done.reasons })
    const bytes = await sizeOf(path)
    before += bytes
    source = done.source
    fetched ||= done.fetched
    files.push({ path, bytes, sha256: done.sha256 })
  }
  meter.phase('done', source, before, before)
  return assemble(model.name, files, source, fetched)
}

async function presentOrFetched(
  file: RemoteFile,
  path: string,
  about: Parameters<typeof fetchFile>[2],
  options: PullOptions,
): ReturnType<typeof fetchFile> {
  const bytes = await sizeOf(path)
  const note = bytes > 0 && (file.bytes === undefined || file.bytes === bytes) ? await readNote(path) : undefined
  if (note !== undefined) return { sha256: note.sha256, source: note.source, fetched: false }
  return await fetchFile(file, path, about, options)
}

/** The file that was chosen in a repository, now or before: what is here needs no hub. */
async function choose(model: RepositoryModel, meter: ProgressMeter, options: PullOptions): Promise<RemoteModel> {
  const before = await chosenBefore(model, options.home)
  if (before !== undefined) return before
  const reasons: string[] = []
  for (const { allowPrivate, ...hub } of hubsOf(options)) {
    const label = `${new URL(hub.url).host}/${model.choice.repository}`
    meter.phase('connecting', label, 0, undefined)
    try {
      const file = await chooseOnHub(model.choice, hub, contextOf(meter, allowPrivate, true, options))
      const chosen = repositoryFiles(model.choice, file)
      const note = join(options.home, 'models', model.note)
      await mkdir(dirname(note), { recursive: true })
      await writeFile(note, JSON.stringify({ file }))
      return chosen
    } catch (error) {
      const failure = sourceError(error)
      if (!(failure instanceof SourceError)) throw failure
      reasons.push(`${label}: ${failure.message.replace(/\.$/, '')}.`)
    }
  }
  throw fail('pull_failed', { model: model.name, reasons })
}

async function chosenBefore(model: RepositoryModel, home: string): Promise<RemoteModel | undefined> {
  try {
    const note = JSON.parse(await readFile(join(home, 'models', model.note), 'utf8')) as { file?: unknown }
    if (typeof note.file !== 'string') return undefined
    const chosen = repositoryFiles(model.choice, note.file)
    return (await findPulled(chosen, home)) === undefined ? undefined : chosen
  } catch {
    return undefined
  }
}
