// `galerne models export|import`: carries a model to a machine without a network, in one archive. Works without a server.
import type { Command } from 'commander'
import { processEnvironment } from '../../base/config.ts'
import { createEgress } from '../../base/egress.ts'
import { exportModel } from '../../features/models/archive-export.ts'
import { importModel } from '../../features/models/archive-import.ts'
import { pull } from '../../features/models/pull.ts'
import { pullOptions } from '../../features/models/served.ts'
import { progressDisplay } from '../progress.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { formatBytes, printResult } from '../terminal.ts'

type Options = Readonly<Record<string, unknown>>

/** Adds the command. */
export function addModelsCommand(program: Command): void {
  const models = program.command('models').summary('carry models to machines without a network')
  const exporting = models
    .command('export <model> <archive>')
    .summary('write a model into one archive')
    .description(
      'Writes a model, fetched first where it is not here, into one tar archive with the sha256 of every file. <model> is what\n' +
        '"galerne pull" takes; <archive> is the file to make.',
    )
    .action(async (model: string, archive: string, options: Options) => await exportOne(model, archive, options))
  addJson(addSettings(exporting, ['home', 'hub-url', 'hub-token', 'hub-mirror', 'hub-cache', 'ollama-url']))
  const importing = models
    .command('import <archive>')
    .summary('put the model of an archive where a pull would put it')
    .description('Reads an archive, checks every sha256, and puts the files where "galerne pull" would have put them.')
    .action(async (archive: string, options: Options) => await importOne(archive, options))
  addJson(addSettings(importing, ['home']))
}

async function exportOne(reference: string, archive: string, options: Options): Promise<void> {
  const { config } = configFrom(options)
  const json = options['json'] === true
  const egress = createEgress()
  const display = progressDisplay(reference)
  try {
    const model = await pull(reference, {
      ...(await pullOptions(config, egress, processEnvironment())),
      allowPrivate: true,
      ...(!json && { onProgress: display.show }),
    })
    const show = display.copying(`into ${archive}`)
    const manifest = await exportModel(model, { archive, home: config.home, reference }, json ? undefined : show)
    display.end()
    printResult(json, { ...manifest, archive }, () => `${archive}, ${formatBytes(model.bytes)}: ${manifest.digest}`)
  } finally {
    display.end()
    await egress.close()
  }
}

async function importOne(archive: string, options: Options): Promise<void> {
  const { config } = configFrom(options)
  const json = options['json'] === true
  const display = progressDisplay(archive)
  try {
    const { manifest, path } = await importModel(archive, config.home, json ? undefined : display.copying('checking'))
    display.end()
    const how = path.includes('imported') ? `${manifest.name}=${path}` : manifest.reference
    printResult(
      json,
      { ...manifest, path },
      () => `${manifest.name}: ${path}\nServe it with: galerne serve --model ${how}`,
    )
  } finally {
    display.end()
  }
}
