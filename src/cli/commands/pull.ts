// `galerne pull`: fetches a model's weights into home, checked, without a running server.
import type { Command } from 'commander'
import { processEnvironment } from '../../base/config.ts'
import { createEgress } from '../../base/egress.ts'
import { type CatalogueEntry, entriesOf, findInCatalogue } from '../../features/models/catalogue.ts'
import { loadCatalogue } from '../../features/models/catalogue-own.ts'
import { versionName } from '../../features/models/name.ts'
import { pull } from '../../features/models/pull.ts'
import { versionOfFile } from '../../features/models/pull-version.ts'
import { pullOptions } from '../../features/models/served.ts'
import { progressDisplay } from '../progress.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { formatBytes, printResult, remark, table } from '../terminal.ts'

/** Adds the command. */
export function addPullCommand(program: Command): void {
  const command = program
    .command('pull [model]')
    .summary("fetch a model's weights, or list what can be fetched by name")
    .description(
      "Fetches a model's weights in parallel parts and checks their sha256; a broken download is resumed. <model> is a name\n" +
        'of the catalogue, hf:owner/repository with or without :file.gguf or :Q4_K_M, ollama:name:tag, an https address, or the\n' +
        'path of a file, which is only looked at. A model in several files comes whole. Files of a hub are shared with the\n' +
        "cache of Hugging Face's own client. Without <model> it lists the catalogue.",
    )
    .option('--update', 'Ask the source also where the weights are here; other bytes become a version beside them.')
    .action(async (model: string | undefined, options: Record<string, unknown>) => {
      const json = options['json'] === true
      const { config } = configFrom(options)
      const catalogue = entriesOf(await loadCatalogue(config.home))
      if (model === undefined) return listCatalogue(catalogue, json)
      sayLicence(model, catalogue)
      await pullOne(model, config, { json, update: options['update'] === true })
    })
  addJson(
    addSettings(command, ['home', 'hub-url', 'hub-token', 'hub-mirror', 'hub-cache', 'ollama-url', 'pull-connections']),
  )
}

function listCatalogue(catalogue: readonly CatalogueEntry[], json: boolean): void {
  printResult(json, catalogue, () =>
    table([
      ['name', 'what it is', 'size', 'licence'],
      ...catalogue.map(({ name, title, bytes, licence }) => [
        name,
        title,
        bytes === undefined ? '' : formatBytes(bytes),
        licence,
      ]),
    ]),
  )
}

/** What a licence forbids is said before the first byte, not found out after the last. */
function sayLicence(reference: string, catalogue: readonly CatalogueEntry[]): void {
  const known = findInCatalogue(reference, catalogue)
  if (known?.forbids === undefined || known.forbids.length === 0) return
  const where = known.licenceUrl === undefined ? '' : ` (${known.licenceUrl})`
  remark([`${known.name} comes under: ${known.licence}${where}. Not allowed:`, ...known.forbids].join('\n  '))
}

async function pullOne(
  reference: string,
  config: ReturnType<typeof configFrom>['config'],
  { json, update }: { readonly json: boolean; readonly update: boolean },
): Promise<void> {
  const egress = createEgress()
  const controller = new AbortController()
  process.once('SIGINT', () =>
    controller.abort(new Error('Stopped. What has arrived is kept: the same command goes on from there.')),
  )
  const display = progressDisplay(reference)
  try {
    const pulled = await pull(reference, {
      allowPrivate: true,
      ...(await pullOptions(config, egress, processEnvironment())),
      signal: controller.signal,
      update,
      ...(!json && { onProgress: (progress) => display.show(progress) }),
    })
    display.end()
    printResult(json, pulled, () => {
      const version =
        update && pulled.fetched && pulled.sha256 !== undefined && versionOfFile(pulled.path) !== undefined
      const how = version ? `\nIt is ${versionName(pulled.name, pulled.sha256)}: what is served stays as it is.` : ''
      return `${pulled.path}${pulled.fetched ? `, from ${pulled.source}` : ', was there already'}${how}`
    })
  } finally {
    display.end()
    await egress.close()
  }
}
