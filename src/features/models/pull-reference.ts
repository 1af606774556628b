// Reads what a person may name a model by: a catalogue name, a path, `hf:owner/repository[:file]`, `ollama:name[:tag]` or an https address.

import { createHash } from 'node:crypto'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { fail } from '../../base/errors.ts'
import { type CatalogueEntry, catalogue, findInCatalogue } from './catalogue.ts'
import type { ModelSource } from './catalogue-schema.ts'
import type { RepositoryChoice } from './download-hub-files.ts'
import type { OllamaSource } from './download-ollama.ts'
import type { PresentFile } from './pull-version.ts'

/** One place that a file comes from. */
export type FileSource = ModelSource | OllamaSource

/** One file of weights to be fetched. */
export interface RemoteFile {
  readonly sources: readonly FileSource[]
  /** Path below the folder of models. */
  readonly file: string
  readonly bytes?: number | undefined
  readonly sha256?: string | undefined
  /** Its versions that are here, where a later one is asked for. */
  readonly present?: readonly PresentFile[]
}

/** Weights to be fetched: one file, or several that are parts of one model, in order. */
export interface RemoteModel {
  readonly type: 'remote'
  readonly name: string
  /** Size of all files, where it is known beforehand. */
  readonly bytes?: number
  readonly files: readonly RemoteFile[]
}

/** A repository of a hub, whose file is still to be chosen. */
export interface RepositoryModel {
  readonly type: 'repository'
  readonly name: string
  readonly choice: RepositoryChoice
  /** Remembers the choice, below the folder of models. */
  readonly note: string
}

/** Weights that are on disk already, outside our folder; never copied, never deleted. */
export interface LocalModel {
  readonly type: 'local'
  readonly name: string
  /** The file, or all parts in order. */
  readonly paths: readonly string[]
}

const pattern = {
  /** `hf:owner/repository[@revision][:path/file.gguf or quantisation]` */
  hub: /^hf:(?<repository>[\w.-]+\/[\w.-]+?)(?:@(?<revision>[\w./-]+?))?(?::(?<file>[^:]+))?$/,
  /** What the browser shows of a file of Hugging Face. */
  hubAddress:
    /^https:\/\/huggingface\.co\/(?<repository>[\w.-]+\/[\w.-]+)\/(?:resolve|blob|raw)\/(?<revision>[\w.-]+)\/(?<file>[^?#]+)/,
  /** `ollama:name[:tag]`, `ollama:owner/name[:tag]` */
  ollama: /^ollama:(?<repository>[\w.-]+(?:\/[\w.-]+)?)(?::(?<tag>[\w.-]+))?$/,
  part: /^(?<stem>.*)-\d{5}-of-(?<count>\d{5})\.gguf$/i,
}

/** Files of one model; llama.cpp's own tools make fewer than this. */
const mostParts = 1000

/** Parses a reference; a relative path starts from `folder`. Throws `invalid_value` with the forms there are. */
export function parseReference(
  reference: string,
  folder: string,
  entries?: readonly CatalogueEntry[],
): RemoteModel | RepositoryModel | LocalModel {
  const entry = findInCatalogue(reference, entries)
  if (entry !== undefined) {
    return catalogueModel(entry)
  }
  const hub = pattern.hub.exec(reference)?.groups ?? pattern.hubAddress.exec(reference)?.groups
  if (hub !== undefined) return hubModel(hub)
  const ollama = pattern.ollama.exec(reference)?.groups
  if (ollama !== undefined) return ollamaModel(ollama)
  if (/^https?:/i.test(reference)) return addressModel(reference)
  if (reference.startsWith('hf:')) throw invalid('write it as hf:owner/repository or hf:owner/repository:file.gguf')
  if (reference.startsWith('ollama:')) throw invalid('write it as ollama:name or ollama:name:tag')
  if (isPath(reference)) return localModel(resolve(folder, reference))
  const named = findInCatalogue(reference.split(':')[0] ?? '', entries)
  if (named !== undefined) throw invalid(otherQuantisation(named, entries))
  throw invalid(
    `"${reference.slice(0, 200)}" is no name of the catalogue ("galerne pull" lists them), no path of a .gguf file, no hf:owner/repository:file.gguf, no ollama:name and no https address`,
  )
}

/** The model is known, and not in that quantisation. */
function otherQuantisation({ name }: CatalogueEntry, entries: readonly CatalogueEntry[] = catalogue): string {
  const made = entries.filter((entry) => entry.name === name || entry.name.startsWith(`${name}:`))
  const ways = made.flatMap(({ quantisation }) => (quantisation === undefined ? [] : [`${name}:${quantisation}`]))
  return `the catalogue has ${ways.join(', ')}; others are named by their file, hf:owner/repository:file.gguf`
}

/** A name may hold a colon before its quantisation, which no file may have on every system: the files have names of their own. */
function catalogueModel({ name, sources, file, bytes, sha256 }: CatalogueEntry): RemoteModel {
  const names = partNames(file)
  if (names.length === 1) return { type: 'remote', name, files: [{ sources, file, bytes, sha256 }] }
  const files = names.map((part) => ({ file: part, sources: sources.map((source) => sourceOfPart(source, part)) }))
  return { type: 'remote', name, files, ...(bytes !== undefined && { bytes }) }
}

/** The same place, for another part. Packages carry whole files only. */
function sourceOfPart(source: ModelSource, part: string): ModelSource {
  if (source.type === 'hub') return { ...source, file: join(dirname(source.file), part).replaceAll('\\', '/') }
  return source.type === 'url' ? { ...source, url: addressOf(new URL(source.url), part) } : source
}

/** Whether a reference is a path. */
function isPath(reference: string): boolean {
  return isAbsolute(reference) || reference.toLowerCase().endsWith('.gguf') || /^[.~]/.test(reference)
}

function localModel(path: string): LocalModel {
  const names = partNames(basename(path))
  return { type: 'local', name: stem(path), paths: names.map((name) => join(dirname(path), name)) }
}

function hubModel(groups: Record<string, string | undefined>): RemoteModel | RepositoryModel {
  const { repository = '', revision = 'main', file } = groups
  for (const text of [repository, revision]) {
    if (/(^|\/)\.{0,2}($|\/)/.test(text)) throw invalid(`"${text}" is no repository or revision`)
  }
  const folder = join('hf', revision === 'main' ? repository : `${repository}@${revision.replaceAll('/', '-')}`)
  if (file === undefined || !file.toLowerCase().endsWith('.gguf')) {
    if (file?.includes('.') === true || file?.includes('/') === true) requireWeights(decode(file))
    const name = basename(repository).replace(/-GGUF$/i, '')
    const note = join(folder, `chosen-${(file ?? 'usual').toLowerCase()}.json`)
    const quantised = file === undefined ? name : `${name}-${file}`
    return { type: 'repository', name: quantised, choice: { repository, revision, quantisation: file }, note }
  }
  return repositoryFiles({ repository, revision }, decode(file))
}

/** A file of a hub, with its other parts where it is one of several. */
export function repositoryFiles(
  { repository, revision }: Pick<RepositoryChoice, 'repository' | 'revision'>,
  path: string,
): RemoteModel {
  requireWeights(path)
  const segments = path.split('/')
  if (segments.some((segment) => !/^[\w][\w .+-]*$/.test(segment))) throw invalid(`"${path}" is no path of a file`)
  const folder = revision === 'main' ? repository : `${repository}@${revision.replaceAll('/', '-')}`
  const files = partNames(path).map((file) => ({
    sources: [{ type: 'hub', repository, revision, file } as const],
    file: join('hf', folder, ...file.split('/')),
  }))
  return { type: 'remote', name: stem(path), files }
}

function ollamaModel(groups: Record<string, string | undefined>): RemoteModel {
  const { repository = '', tag = 'latest' } = groups
  if (/(^|\/)\.{1,2}($|\/)/.test(repository)) throw invalid(`"${repository}" is no model of Ollama's`)
  const owned = repository.includes('/') ? repository : `library/${repository}`
  const name = tag === 'latest' ? basename(repository) : `${basename(repository)}-${tag}`
  return {
    type: 'remote',
    name,
    files: [{ sources: [{ type: 'ollama', repository: owned, tag }], file: join('ollama', owned, `${tag}.gguf`) }],
  }
}

function addressModel(reference: string): RemoteModel {
  if (!URL.canParse(reference)) throw invalid('the address is not valid')
  const url = new URL(reference)
  // Without a hash to compare with, only TLS says that the bytes are the site's.
  if (url.protocol === 'http:' && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname)) throw invalid('use https')
  const file = decode(basename(url.pathname)).replaceAll(/[^\w.+-]/g, '_')
  requireWeights(file)
  const names = partNames(file)
  // Two addresses may end in the same name; the parts of one model lie together.
  const first = addressOf(url, names[0] ?? file)
  const folder = createHash('sha256').update(first).digest('hex').slice(0, 12)
  const files = names.map((name) => ({
    sources: [{ type: 'url', url: addressOf(url, name) } as const],
    file: join('url', folder, name),
  }))
  return { type: 'remote', name: stem(file), files }
}

function addressOf(url: URL, name: string): string {
  const other = new URL(url.href)
  if (pattern.part.test(name)) other.pathname = join(dirname(url.pathname), name)
  return other.href
}

function requireWeights(file: string): void {
  if (!file.toLowerCase().endsWith('.gguf'))
    throw invalid(`"${file}" is not a .gguf file, the one format that is served`)
}

/** All files of the model that a file belongs to, in order: itself, or its parts, whichever of them was named. */
function partNames(file: string): string[] {
  const { stem: base, count = '' } = pattern.part.exec(file)?.groups ?? {}
  if (base === undefined) return [file]
  if (Number(count) < 1 || Number(count) > mostParts) throw invalid(`"${file}" is one of too many parts`)
  return Array.from(
    { length: Number(count) },
    (_, index) => `${base}-${String(index + 1).padStart(5, '0')}-of-${count}.gguf`,
  )
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(`"${text.slice(0, 200)}" has a percent sign that stands for no character`)
  }
}

/** The name weights are served under: their file's, without folder, part and ending. */
function stem(path: string): string {
  return basename(path).replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '')
}

const invalid = (reason: string) => fail('invalid_value', { param: 'model', reason })
