// Reads the settings: defaults < galerne.yaml < GALERNE_* < flags, one name in all four. The only file that reads the environment.
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import {
  type Config,
  propertyName,
  type SettingName,
  settingNames,
  settingSchema,
  variableName,
} from './config-schema.ts'
import { formatSetting, parseSetting } from './config-values.ts'
import { Failure } from './errors.ts'

export type { Config } from './config-schema.ts'

/** One thing wrong with one source of settings. */
export interface ConfigFault {
  /** Where it stands: `galerne.yaml:3`, `GALERNE_PORT` or `--port`. */
  readonly origin: string
  readonly message: string
}

/** All faults of all sources at once, so that one start shows everything there is to correct. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly ConfigFault[]

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map((fault) => `${fault.origin}: ${fault.message}`).join('\n'))
    this.faults = faults
  }
}

/** Where settings come from. Everything but the flags has its usual place. */
export interface ConfigSources {
  /** Flag values by setting name; text, or a list of texts for repeatable ones. */
  readonly flags?: Readonly<Record<string, unknown>>
  /** Path of the YAML file; it must exist when given. Without it `galerne.yaml` in `folder`, where present. */
  readonly file?: string
  /** Folder that the YAML file and relative paths of flags and variables start from; the working directory by default. */
  readonly folder?: string
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/** The settings, and for each its value for display and where it was set. */
export interface LoadedConfig {
  readonly config: Config
  readonly origins: readonly SettingOrigin[]
}

/** One line of `galerne config`; a secret's `shown` value is masked. */
export interface SettingOrigin {
  readonly name: SettingName
  readonly shown: string | null
  readonly origin: string
}

interface Given {
  readonly name: string
  readonly raw: unknown
  readonly origin: string
  /** Folder that a relative path starts from. */
  readonly base: string
}

/** Loads, checks and freezes the settings; throws `ConfigError` with every fault found. */
export function loadConfig(sources: ConfigSources = {}): LoadedConfig {
  const folder = resolve(sources.folder ?? process.cwd())
  const environment = sources.environment ?? process.env
  const faults: ConfigFault[] = []
  const given = [
    ...fromFile(sources.file ?? environment['GALERNE_CONFIG'], folder, faults),
    ...fromEnvironment(environment, folder),
    ...fromFlags(sources.flags ?? {}, folder),
  ]
  const values = new Map<SettingName, { value: unknown; origin: string }>()
  for (const name of settingNames) {
    const schema = settingSchema(name)
    if (schema.default === undefined) continue
    const parsed = schema.unit === 'path' ? parseSetting(schema, schema.default, folder) : { value: schema.default }
    if ('value' in parsed) values.set(name, { value: parsed.value, origin: 'default' })
  }
  for (const { name, raw, origin, base } of given) {
    if (!isSettingName(name)) {
      const show = origin.startsWith('GALERNE_') ? variableName : (known: SettingName) => known
      faults.push({ origin, message: `there is no setting "${name}".${suggestion(name, show)}` })
      continue
    }
    const parsed = parseSetting(settingSchema(name), raw, base)
    if ('fault' in parsed) faults.push({ origin, message: `${name} ${parsed.fault}` })
    else values.set(name, { value: parsed.value, origin })
  }
  checkPairs(values, faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return { config: freeze(values), origins: settingNames.map((name) => shownOrigin(name, values.get(name))) }
}

/** What a start found wrong with a setting, told with the place the setting was set in; any other error as it is. */
export function withOrigin(error: unknown, origins: readonly SettingOrigin[]): unknown {
  if (!(error instanceof Failure) || error.code !== 'invalid_value') return error
  const set = origins.find(({ name, shown }) => name === error.param && shown !== null)
  if (set === undefined || set.origin === 'default') return error
  return new ConfigError([{ origin: set.origin, message: error.message }])
}

/** The variables that a child process needs to run at all; none of ours, so no secret crosses. */
export function childEnvironment(
  extra: Readonly<Record<string, string>> = {},
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  return {
    ...pick(
      environment,
      /^(PATH|HOME|USERPROFILE|TMPDIR|TEMP|TMP|LANG|LC_\w+|TZ|SystemRoot|LD_LIBRARY_PATH|CUDA_\w+)$/i,
    ),
    ...extra,
  }
}

/** As `childEnvironment`, with what pip and npm need to reach their registry (proxies, certificates, their own settings). */
export function packageClientEnvironment(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const own =
    /^(PIP_\w+|npm_config_\w+|https?_proxy|no_proxy|all_proxy|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NODE_EXTRA_CA_CERTS|XDG_\w+|VIRTUAL_ENV)$/i
  return childEnvironment(pick(environment, own), environment)
}

/** The process's variables, for what a setting refers to by name (`hub-token: env:HF_TOKEN`). Never handed to a child. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env
}

/** The folder in which Hugging Face's own client keeps what it fetches (its constants.py). */
export function huggingFaceCache(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const above = environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const home = environment['HF_HOME'] ?? join(above, 'huggingface')
  return environment['HF_HUB_CACHE'] ?? environment['HUGGINGFACE_HUB_CACHE'] ?? join(home, 'hub')
}

/** Whether the terminal's user asked for no colours (https://no-color.org). */
export function colorsWanted(environment: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb'
}

function pick(environment: Readonly<Record<string, string | undefined>>, names: RegExp): Record<string, string> {
  const entries = Object.entries(environment).filter(([name, value]) => names.test(name) && value !== undefined)
  return Object.fromEntries(entries) as Record<string, string>
}

function fromFile(path: string | undefined, folder: string, faults: ConfigFault[]): Given[] {
  const file = resolve(folder, path ?? 'galerne.yaml')
  const label = path ?? 'galerne.yaml'
  if (!existsSync(file)) {
    if (path !== undefined) faults.push({ origin: label, message: 'the file does not exist' })
    return []
  }
  const text = readText(file)
  if ('fault' in text) {
    faults.push({ origin: label, message: `the file cannot be read: ${text.fault}` })
    return []
  }
  const lines = new LineCounter()
  const document = parseDocument(text.read, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number | undefined) => `${label}:${offset === undefined ? 1 : lines.linePos(offset).line}`
  for (const error of document.errors)
    faults.push({ origin: at(error.pos[0]), message: `not valid YAML: ${error.message}` })
  if (document.errors.length > 0 || document.contents === null) return []
  if (!isMap(document.contents)) {
    faults.push({ origin: at(document.contents.range?.[0]), message: 'the file must hold lines of "setting: value"' })
    return []
  }
  return document.contents.items.map((item) => {
    const key = isScalar(item.key) ? item.key : undefined
    const value = item.value as { toJS?: (of: typeof document) => unknown } | null
    const raw = value?.toJS?.(document) ?? null
    return { name: String(key?.value), raw, origin: at(key?.range?.[0]), base: dirname(file) }
  })
}

function readText(file: string): { readonly read: string } | { readonly fault: string } {
  try {
    return { read: readFileSync(file, 'utf8') }
  } catch (error) {
    return { fault: (error as Error).message }
  }
}

/** Variables with our prefix that are no setting: where the YAML file is, and what tests are told. */
const otherVariables = /^GALERNE_(CONFIG$|TEST_)/

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>, folder: string): Given[] {
  return Object.entries(environment)
    .filter(([name, raw]) => name.startsWith('GALERNE_') && raw !== undefined && !otherVariables.test(name))
    .map(([variable, raw]) => ({
      name: variable.slice('GALERNE_'.length).toLowerCase().replaceAll('_', '-'),
      raw,
      origin: variable,
      base: folder,
    }))
}

function fromFlags(flags: Readonly<Record<string, unknown>>, folder: string): Given[] {
  return Object.entries(flags)
    .filter(([, raw]) => raw !== undefined)
    .map(([name, raw]) => ({ name, raw, origin: `--${name}`, base: folder }))
}

/** Rules over two settings at once. */
function checkPairs(values: ReadonlyMap<SettingName, { value: unknown; origin: string }>, faults: ConfigFault[]): void {
  for (const [one, other] of [
    ['tls-cert', 'tls-key'],
    ['tls-key', 'tls-cert'],
  ] as const) {
    const set = values.get(one)
    if (set !== undefined && !values.has(other))
      faults.push({ origin: set.origin, message: `${one} needs ${other} beside it` })
  }
}

function freeze(values: ReadonlyMap<SettingName, { value: unknown }>): Config {
  const entries = [...values].map(([name, { value }]) => [
    propertyName(name),
    Array.isArray(value) ? Object.freeze([...value]) : value,
  ])
  return Object.freeze(Object.fromEntries(entries)) as unknown as Config
}

function shownOrigin(name: SettingName, set: { value: unknown; origin: string } | undefined): SettingOrigin {
  const schema = settingSchema(name)
  if (set === undefined) return { name, shown: null, origin: 'not set' }
  return { name, shown: schema.secret === true ? '********' : formatSetting(schema, set.value), origin: set.origin }
}

function isSettingName(name: string): name is SettingName {
  return (settingNames as readonly string[]).includes(name)
}

/** ` Did you mean "port"?` for the nearest name, or nothing where none is near. */
function suggestion(name: string, show: (name: SettingName) => string): string {
  const ranked = settingNames.map((known) => ({ known, distance: editDistance(name, known) }))
  const best = ranked.sort((a, b) => a.distance - b.distance)[0]
  const near = best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 3))
  return near ? ` Did you mean "${show(best.known)}"?` : ' "galerne config" lists all settings.'
}

/** Levenshtein distance. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
