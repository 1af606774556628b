// Turns the `model` setting into files on disk with the names they are served under, fetching what is not there yet.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Config, huggingFaceCache } from '../../base/config.ts'
import type { Egress } from '../../base/egress.ts'
import { fail } from '../../base/errors.ts'
import { entriesOf, findInCatalogue } from './catalogue.ts'
import { loadCatalogue } from './catalogue-own.ts'
import { digestsOfFiles } from './digest-book.ts'
import { familyOf, versionName } from './name.ts'
import { digestOf, type PullOptions, pull } from './pull.ts'
import { usualPlaces } from './pull-file.ts'
import type { PullProgress } from './pull-progress.ts'
import { readHubToken } from './pull-token.ts'

/** One model to serve. */
export interface ServedModel {
  readonly name: string
  readonly aliases: readonly string[]
  readonly path: string
  /** sha256 of the weights, where known. */
  readonly digest: string | undefined
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
      digest: pulled.sha256 ?? (await digestOfFiles(pulled.files, config.home)),
    }
    served.push(besideOthers(model, served, setting))
  }
  checkPlaces(served, config)
  return served
}

/** The sha256 of a user's own weights: every version has one. */
async function digestOfFiles(files: readonly { readonly path: string }[], home: string): Promise<string | undefined> {
  const paths = files.map(({ path }) => path)
  return digestOf((await digestsOfFiles(paths, home)).map((sha256) => ({ sha256 })))
}

/** Weights with the name of others before them are a version beside those, addressed by their digest. */
function besideOthers(model: ServedModel, served: readonly ServedModel[], setting: string): ServedModel {
  const { name, digest } = model
  const others = served.filter((other) => familyOf(other.name) === name)
  if (others.length === 0) return model
  if (digest !== undefined && others.every((other) => other.digest !== undefined && other.digest !== digest)) {
    return { ...model, name: versionName(name, digest), aliases: [] }
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
function splitName(setting: string): { readonly name: string | undefined; readonly reference: string } {
  const match = /^([\w][\w.:-]*)=(.+)$/.exec(setting)
  const reference = match?.[2] ?? setting
  return { name: match?.[1], reference: reference.startsWith('~/') ? join(homedir(), reference.slice(2)) : reference }
}
