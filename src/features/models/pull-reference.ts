// Reads what a person may name a model by: a catalogue name, a path, `hf:owner/repository:file.gguf` or an https address.

import { createHash } from 'node:crypto'
import { basename, isAbsolute, join, resolve } from 'node:path'
import { fail } from '../../base/errors.ts'
import { type CatalogueEntry, findInCatalogue } from './catalogue.ts'
import type { ModelSource } from './catalogue-schema.ts'

/** Weights to be fetched. */
export interface RemoteModel {
  readonly type: 'remote'
  readonly name: string
  readonly sources: readonly ModelSource[]
  /** Path below the folder of models. */
  readonly file: string
  readonly bytes?: number | undefined
  readonly sha256?: string | undefined
}

/** Weights that are on disk already, outside our folder; never copied, never deleted. */
export interface LocalModel {
  readonly type: 'local'
  readonly name: string
  readonly path: string
}

const pattern = {
  /** `hf:owner/repository[@revision]:path/file.gguf` */
  hub: /^hf:(?<repository>[\w.-]+\/[\w.-]+?)(?:@(?<revision>[\w./-]+))?:(?<file>[^:]+)$/,
  /** What the browser shows of a file of Hugging Face. */
  hubAddress:
    /^https:\/\/huggingface\.co\/(?<repository>[\w.-]+\/[\w.-]+)\/(?:resolve|blob|raw)\/(?<revision>[\w.-]+)\/(?<file>[^?#]+)/,
}

/** Parses a reference; a relative path starts from `folder`. Throws `invalid_value` with the forms there are. */
export function parseReference(
  reference: string,
  folder: string,
  entries?: readonly CatalogueEntry[],
): RemoteModel | LocalModel {
  const entry = findInCatalogue(reference, entries)
  if (entry !== undefined) {
    const { name, sources, file, bytes, sha256 } = entry
    return { type: 'remote', name, sources, file, bytes, sha256 }
  }
  const hub = pattern.hub.exec(reference)?.groups ?? pattern.hubAddress.exec(reference)?.groups
  if (hub !== undefined) return hubModel(hub)
  if (/^https?:/i.test(reference)) return addressModel(reference)
  if (reference.startsWith('hf:')) throw invalid('write it as hf:owner/repository:file.gguf')
  if (isAbsolute(reference) || reference.toLowerCase().endsWith('.gguf') || reference.startsWith('.')) {
    return { type: 'local', name: stem(reference), path: resolve(folder, reference) }
  }
  throw invalid(
    `"${reference.slice(0, 200)}" is no name of the catalogue ("galerne pull" lists them), no path of a .gguf file, no hf:owner/repository:file.gguf and no https address`,
  )
}

function hubModel(groups: Record<string, string>): RemoteModel {
  const { repository = '', revision = 'main', file = '' } = groups
  const decoded = decode(file)
  const segments = decoded.split('/')
  if (segments.some((segment) => !/^[\w][\w .+-]*$/.test(segment))) throw invalid(`"${decoded}" is no path of a file`)
  if (/(^|\/)\.{1,2}($|\/)/.test(repository)) throw invalid(`"${repository}" is no repository`)
  requireWeights(decoded)
  const source = { type: 'hub', repository, revision, file: decoded } as const
  const folder = revision === 'main' ? repository : `${repository}@${revision.replaceAll('/', '-')}`
  return { type: 'remote', name: stem(decoded), sources: [source], file: join('hf', folder, ...segments) }
}

function addressModel(reference: string): RemoteModel {
  if (!URL.canParse(reference)) throw invalid('the address is not valid')
  const url = new URL(reference)
  // Without a hash to compare with, only TLS says that the bytes are the site's.
  if (url.protocol === 'http:' && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname)) throw invalid('use https')
  const file = decode(basename(url.pathname)).replaceAll(/[^\w.+-]/g, '_')
  requireWeights(file)
  // Two addresses may end in the same name.
  const folder = createHash('sha256').update(url.href).digest('hex').slice(0, 12)
  return {
    type: 'remote',
    name: stem(file),
    sources: [{ type: 'url', url: url.href }],
    file: join('url', folder, file),
  }
}

function requireWeights(file: string): void {
  if (!file.toLowerCase().endsWith('.gguf'))
    throw invalid(`"${file}" is not a .gguf file, the one format that is served`)
  // The parts would have to be fetched, planned and loaded as one.
  if (/-\d{5}-of-\d{5}\.gguf$/i.test(file)) {
    throw invalid(
      `"${file}" is one part of a model in several files, which is not supported: choose a file that is whole`,
    )
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(`"${text.slice(0, 200)}" has a percent sign that stands for no character`)
  }
}

/** The name a file of weights is served under: its own, without folder and ending. */
function stem(path: string): string {
  return basename(path).replace(/\.gguf$/i, '')
}

const invalid = (reason: string) => fail('invalid_value', { param: 'model', reason })
