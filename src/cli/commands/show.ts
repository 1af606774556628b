// `galerne show`: all that the catalogue knows of a model, with its licence, its files and where each fact comes from, and which versions of
// its weights are on this disk. Needs no server; where one runs, it says what that serves.
import type { Command } from 'commander'
import { fail } from '../../base/errors.ts'
import { findModel } from '../../features/models/catalogue.ts'
import { loadCatalogue } from '../../features/models/catalogue-own.ts'
import { shownPath } from '../../features/models/local-models.ts'
import { shownDigest, versionName } from '../../features/models/name.ts'
import { type StoredModel, storedModels } from '../../features/models/stored.ts'
import { type ViewedFile, type ViewedModel, viewModel } from '../../features/plans/catalogue-view.ts'
import { Refusal } from '../connection.ts'
import { addRemote, ask, type Options, withServer } from '../remote.ts'
import { configFrom } from '../settings.ts'
import { formatBytes, printResult, table } from '../terminal.ts'

/** Adds the command. */
export function addShowCommand(program: Command): void {
  const command = program
    .command('show <model>')
    .summary('show what the catalogue knows of a model, and its weights on this disk')
    .description(
      'Shows what the catalogue knows of a model: licence and what it forbids, context, files with their sizes, published\n' +
        'scores, and where each comes from; the versions of its weights on this disk, by digest; and what a running server\n' +
        'serves by that name. Needs no server.',
    )
  addRemote(command).action(async (name: string, options: Options) => {
    const { home } = configFrom(options).config
    const catalogue = await loadCatalogue(home)
    const found = findModel(name, catalogue)
    const isIt = ({ name: stored, reference }: StoredModel) =>
      [stored, reference].includes(name) ||
      (found !== undefined && findModel(reference, catalogue)?.model.name === found.model.name)
    const stored = (await storedModels(home)).filter(isIt)
    const served = await servedAs(name, options)
    if (found === undefined && stored.length === 0 && served === null)
      throw fail('invalid_value', {
        param: 'model',
        reason: `"${name.slice(0, 200)}" is no name of the catalogue, of weights on this disk, or of a model that a server here has; "galerne list --catalogue" shows those there are`,
      })
    const model = found && viewModel(found.model)
    const here = stored.map((one) => shownStored(one, home))
    printResult(options['json'] === true, { ...(model ?? { name }), stored: here, served }, () => {
      const parts = [
        model === undefined ? [] : [describe(model)],
        here.length === 0 ? [] : [storedTable(here)],
        served === null ? [] : [servedTable(served)],
      ]
      return parts.flat().join('\n\n')
    })
  })
}

/** What a server says of a model. */
interface ServedCard {
  readonly id: string
  readonly name: string
  readonly aliases: readonly string[]
  readonly digest: string | null
  readonly max_context_length: number
}

/** What the running server serves by that name; null where it has no such model, or none runs and no address was given. */
async function servedAs(name: string, options: Options): Promise<ServedCard | null> {
  try {
    return await withServer(options, (server) => ask(server, 'GET', `/v1/models/${encodeURIComponent(name)}`))
  } catch (error) {
    const isAbsent = error instanceof Refusal && error.status === 404
    if (isAbsent || options['url'] === undefined) return null
    throw error
  }
}

function servedTable({ id, name, aliases, digest, max_context_length: context }: ServedCard): string {
  const rows: (readonly [string, string])[] = [
    ['served as', id === name ? id : `${id}, which leads to ${name}`],
    ['weights', digest ?? 'not counted yet'],
    ['context', context.toLocaleString('en-US')],
    ['also called', aliases.join(', ')],
  ]
  return table(rows.filter(([, value]) => value !== ''))
}

interface ShownStored {
  readonly name: string
  readonly digest: string | null
  readonly bytes: number
  readonly files: readonly string[]
}

function shownStored({ name, digest, bytes, files }: StoredModel, home: string): ShownStored {
  return { name, digest: shownDigest(digest), bytes, files: files.map(({ path }) => shownPath(home, path)) }
}

function storedTable(models: readonly ShownStored[]): string {
  const rows = models.map(({ name, digest, bytes, files }) => [
    digest === null ? name : versionName(name, digest.replace('sha256:', '')),
    formatBytes(bytes),
    files.join(', '),
  ])
  return table([['on this disk', 'size', 'files'], ...rows])
}

function describe(model: ViewedModel): string {
  const { licence, parameters, contextLength, claimedContextLength: claimed } = model
  const perToken = model.kv_bytes_per_token > 0 ? `${model.kv_bytes_per_token / 1024} KiB a token` : ''
  const state = model.state_bytes > 0 ? `${formatBytes(model.state_bytes)} of state, whatever the context` : ''
  const rows: readonly (readonly [string, string])[] = [
    ['name', [model.name, ...model.aliases].join(', ')],
    ['maker', model.maker],
    ['licence', [licence.name, licence.url ?? ''].join(' ').trim()],
    ...licence.forbids.map((text) => ['', text] as const),
    ['can', model.capabilities.join(', ')],
    ['languages', model.languages.join(', ')],
    ['architecture', `${model.architecture}, ${model.shape.layers} layers, ${model.shape.vocabulary} tokens`],
    ['parameters', `${parameters.total.toLocaleString('en-US')}, ${parameters.active.toLocaleString('en-US')} active`],
    [
      'context',
      `${contextLength.toLocaleString('en-US')}${claimed === undefined ? '' : ` (its file says ${claimed.toLocaleString('en-US')})`}`,
    ],
    ['template', model.template ?? 'none'],
    ['KV', [perToken, state].filter((text) => text !== '').join('; ') || 'keeps nothing'],
    ...model.scores.map(
      ({ benchmark, value, unit = '', from }) => [benchmark, `${value}${unit} (${from.source}, ${from.date})`] as const,
    ),
    ...(model.notes ?? []).map((note) => ['note', note] as const),
    ...model.from.map(({ source, date }) => ['from', `${source} (${date})`] as const),
  ]
  const files = [['quantisation', 'size', 'bits a weight', 'from'], ...model.files.map(fileRow)]
  return `${model.title}\n\n${table(rows)}\n\n${table(files)}`
}

function fileRow(file: ViewedFile): string[] {
  const size = file.bytes === undefined ? `${formatBytes(file.weights_bytes)} computed` : formatBytes(file.bytes)
  const places = file.sources.map((source) => {
    if (source.type === 'hub') return `hf:${source.repository}:${source.file}`
    if (source.type === 'hub-folder') return `hf:${source.repository}, converted here`
    return source.type === 'url' ? source.url : `packages ${source.packages.map(({ name }) => name).join(', ')}`
  })
  return [file.quantisation, size, String(file.bits_per_weight), places.join(', then ')]
}
