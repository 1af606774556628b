// Turns the `model` setting into files on disk with the names they are served under, fetching what is not there yet.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Config, huggingFaceCache } from '../../base/config.ts'
import type { Egress } from '../../base/egress.ts'
import { fail } from '../../base/errors.ts'
import { entriesOf, findInCatalogue } from './catalogue.ts'
import { loadCatalogue } from './catalogue-own.ts'
import { countedDigests, knownDigests } from './digest-book.ts'
import { familyOf, versionName } from './name.ts'
import { digestOf, type PullOptions, pull } from './pull.ts'
import { usualPlaces } from './pull-file.ts'
import type { PullProgress } from './pull-progress.ts'
import { parseReference } from './pull-reference.ts'
import { readHubToken } from './pull-token.ts'

/** One model to serve. */
export interface ServedModel {
  readonly name: string
  readonly aliases: readonly string[]
  readonly path: string
  /** sha256 of the weights; undefined for a user's own, which were not counted yet. */
  readonly digest: string | undefined
  readonly files: readonly string[]
}

/** The part of a pull's options that the settings decide. */
export async function pullOptions(
  config: Config,
  egress: Egress,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<PullOptions> {
  const token = config.hubToken === undefined ? undefined : await readHubToken(config.hubToken, environment)
  // Only another hub is handed on: naming one is what lets a pull reach a private network.
  const isUsual = config.hubUrl === usualPlaces.hub
  const isOllamas = config.ollamaUrl === usualPlaces.ollama
  return {
    home: config.home,
    egress,
    hubCache: config.hubCache ?? huggingFaceCache(environment),
    hubMirrors: config.hubMirror,
    connections: config.pullConnections,
    catalogue: entriesOf(await loadCatalogue(config.home)),
    ...(!isUsual && { hubUrl: config.hubUrl }),
    ...(!isOllamas && { ollamaUrl: config.ollamaUrl }),
    ...(token !== undefined && { hubToken: token }),
  }
}

/**
 * The models of the setting, in order, with their weights on disk. `name=reference` serves under another name. Throws as `pull` does, and
 * `invalid_value` where two models would have one name.
 */
export async function servedModels(
  config: Config,
  options: PullOptions,
  onProgress: (model: string, progress: PullProgress) => void,
): Promise<readonly ServedModel[]> {
  const served: ServedModel[] = []
  for (const setting of config.model) {
    const { name, reference } = splitName(setting)
    const pulled = await pull(reference, {
      ...options,
      onProgress: (progress) => onProgress(name ?? reference, progress),
    })
    const known = findInCatalogue(reference, options.catalogue)
    const model = {
      name: name ?? pulled.name,
      aliases: name === undefined ? (known?.aliases ?? []) : [],
      path: pulled.path,
      digest: pulled.sha256 ?? digestOfAll(await knownDigests(pathsOf(pulled.files), config.home)),
      files: pathsOf(pulled.files),
    }
    served.push(await besideOthers(model, served, { setting, home: config.home }))
  }
  checkPlaces(served, config)
  // Where names met, more is known by now.
  const digests = served.map(async ({ digest, files }) => digest ?? digestOfAll(await knownDigests(files, config.home)))
  return await Promise.all(served.map(async (model, index) => ({ ...model, digest: await digests[index] })))
}

const pathsOf = (files: readonly { readonly path: string }[]) => files.map(({ path }) => path)

function digestOfAll(digests: readonly string[] | undefined): string | undefined {
  return digests && digestOf(digests.map((sha256) => ({ sha256 })))
}

/** All files of the weights that are loaded from this one. */
export function weightFiles(path: string): readonly string[] {
  const parsed = parseReference(path, '/')
  return parsed.type === 'local' ? parsed.paths : [path]
}

/** The digest of a model that is served, counted where it was not yet: this reads all of its weights. */
export async function countDigest(
  { digest, files }: Pick<ServedModel, 'digest' | 'files'>,
  home: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  return digest ?? digestOfAll(await countedDigests(files, home, signal))
}

/** Weights with the name of others before them are a version beside those, addressed by their digest. */
async function besideOthers(
  model: ServedModel,
  served: readonly ServedModel[],
  { setting, home }: { readonly setting: string; readonly home: string },
): Promise<ServedModel> {
  const { name } = model
  const others = served.filter((other) => familyOf(other.name) === name)
  if (others.length === 0) return model
  const digest = await countDigest(model, home)
  const taken = await Promise.all(others.map((other) => countDigest(other, home)))
  if (digest !== undefined && !taken.includes(digest)) {
    return { ...model, digest, name: versionName(name, digest), aliases: [] }
  }
  throw fail('invalid_value', {
    param: 'model',
    reason: `two models are named "${name}" and have the same weights; write name=${setting} for one`,
  })
}

/** A name that pins or prefers nothing is a mistake, and would be found out too late. */
function checkPlaces(served: readonly ServedModel[], { pin, priority }: Config): void {
  const known = new Set(served.flatMap(({ name, aliases }) => [name, ...aliases]))
  for (const [param, names] of [
    ['pin', pin],
    ['priority', priority.map((text) => text.replace(/=-?\d+$/, ''))],
  ] as const) {
    const unknown = names.find((name) => !known.has(name))
    if (unknown !== undefined) throw fail('invalid_value', { param, reason: `no model is served as "${unknown}"` })
  }
}

/** How a model is kept, by the settings `pin` and `priority`, which name it as it is served or by an alias. */
export function placeOf(
  { name, aliases }: Pick<ServedModel, 'name' | 'aliases'>,
  config: Pick<Config, 'pin' | 'priority'>,
): { readonly pinned: boolean; readonly priority: number } {
  const isMeant = (given: string) => given === name || aliases.includes(given)
  const found = config.priority.map((text) => /^(.+)=(-?\d+)$/.exec(text)).find((match) => isMeant(match?.[1] ?? ''))
  return { pinned: config.pin.some(isMeant), priority: Number(found?.[2] ?? 0) }
}

/** `mine=~/weights/model.gguf` → the name and the reference, with the user's home in place of `~`. */
export function splitName(setting: string): { readonly name: string | undefined; readonly reference: string } {
  const match = /^([\w][\w.:-]*)=(.+)$/.exec(setting)
  const reference = match?.[2] ?? setting
  return { name: match?.[1], reference: reference.startsWith('~/') ? join(homedir(), reference.slice(2)) : reference }
}
