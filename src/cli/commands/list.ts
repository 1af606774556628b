// `galerne list`: the models that the running server has, or with --catalogue, without a server, those that can be had by name.
import type { Command } from 'commander'
import { loadCatalogue } from '../../features/models/catalogue-own.ts'
import { viewModel } from '../../features/plans/catalogue-view.ts'
import { addRemote, ask, type Options, withServer } from '../remote.ts'
import { configFrom } from '../settings.ts'
import { formatBytes, printResult, table } from '../terminal.ts'

/** What the list shows of a model card. */
interface ListedModel {
  readonly id: string
  readonly max_context_length: number
  readonly capabilities: Readonly<Record<string, boolean>>
  readonly aliases: readonly string[]
  readonly digest: string | null
}

/** Adds the command. */
export function addListCommand(program: Command): void {
  const command = program
    .command('list')
    .summary('list the models of the server, or all that can be had by name')
    .description(
      'Lists the models of the running server. With --catalogue it lists the models that can be fetched by name, with the\n' +
        'size of their usual quantisation and their licence, and needs no server.',
    )
    .option('--catalogue', 'List what can be fetched by name.')
  addRemote(command).action(async (options: Options) => {
    if (options['catalogue'] === true) await listCatalogue(options)
    else await listServed(options)
  })
}

async function listCatalogue(options: Options): Promise<void> {
  const models = (await loadCatalogue(configFrom(options).config.home)).map(viewModel)
  printResult(options['json'] === true, models, () =>
    table([
      ['name', 'what it is', 'parameters', 'context', 'usual size', 'licence'],
      ...models.map(({ name, title, parameters, contextLength, files, licence }) => [
        name,
        title,
        billions(parameters),
        contextLength.toLocaleString('en-US'),
        `${files[0]?.quantisation ?? ''} ${formatBytes(files[0]?.bytes ?? files[0]?.weights_bytes ?? 0)}`,
        licence.forbids.length === 0 ? licence.name : `${licence.name} (limits)`,
      ]),
    ]),
  )
}

/** `46.7 B, 12.9 active` */
function billions({ total, active }: { readonly total: number; readonly active: number }): string {
  const shown = (count: number) => (count < 1e9 ? `${Math.round(count / 1e6)} M` : `${(count / 1e9).toFixed(1)} B`)
  return active === total ? shown(total) : `${shown(total)}, ${shown(active)} active`
}

async function listServed(options: Options): Promise<void> {
  const { data } = await withServer(options, (server) =>
    ask<{ data: readonly ListedModel[] }>(server, 'GET', '/v1/models'),
  )
  printResult(options['json'] === true, data, () =>
    table([
      ['name', 'weights', 'context', 'can', 'also called'],
      ...data.map(({ id, digest, max_context_length: context, capabilities, aliases }) => [
        id,
        digest?.slice(7, 19) ?? '–',
        context.toLocaleString('en-US'),
        Object.keys(capabilities)
          .filter((name) => capabilities[name] === true)
          .join(', '),
        aliases.join(', '),
      ]),
    ]),
  )
}
