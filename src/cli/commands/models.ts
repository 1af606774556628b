// `galerne models export|import`: models in archives for machines without a network, and out of Hugging Face folders. Needs no server.
import { stat } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { processEnvironment } from '../../base/config.ts'
import { createEgress } from '../../base/egress.ts'
import { fail } from '../../base/errors.ts'
import { conversionTypes } from '../../features/conversion/convert.ts'
import { exportModel } from '../../features/models/archive-export.ts'
import { importModel } from '../../features/models/archive-import.ts'
import { importFolder } from '../../features/models/folder-import.ts'
import { pull } from '../../features/models/pull.ts'
import { pullOptions } from '../../features/models/served.ts'
import { progressDisplay } from '../progress.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { formatBytes, printResult } from '../terminal.ts'
import { addMeasureCommand } from './measure.ts'

type Options = Readonly<Record<string, unknown>>

/** Adds the command. */
export function addModelsCommand(program: Command): void {
  const models = program
    .command('models')
    .summary('carry models to machines without a network, take in folders of safetensors, and measure them')
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
    .command('import <source>')
    .summary('take in the model of an archive, or of a Hugging Face folder')
    .description(
      'Of an archive it checks every sha256, and puts the files where "galerne pull" would have put them. A folder with\n' +
        'config.json, *.safetensors and a tokenizer (Llama, Mistral, Mixtral, and BERT and XLM-RoBERTa for embeddings) becomes one GGUF file;\n' +
        'the folder is only read.',
    )
    .addOption(
      new Option('--type <type>', 'what the weights of a folder become; F16 without it').choices(conversionTypes),
    )
    .option('--name <name>', "what a folder's model is called; the folder's name without it")
    .action(async (source: string, options: Options) => {
      const folder = await stat(source).then(
        (facts) => facts.isDirectory(),
        () => false,
      )
      if (folder) return await convertOne(source, options)
      for (const param of ['type', 'name'])
        if (options[param] !== undefined) throw fail('invalid_value', { param, reason: 'an archive has its own' })
      return await importOne(source, options)
    })
  addJson(addSettings(importing, ['home']))
  addMeasureCommand(models)
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

async function convertOne(folder: string, options: Options): Promise<void> {
  const { config } = configFrom(options)
  const json = options['json'] === true
  const display = progressDisplay(folder)
  const type = conversionTypes.find((one) => one === options['type']) ?? 'F16'
  const name = typeof options['name'] === 'string' ? { name: options['name'] } : {}
  try {
    const show = json ? undefined : display.copying(`converting to ${type}`)
    const made = await importFolder(folder, config.home, { type, ...name }, show)
    display.end()
    printResult(json, made, () =>
      [
        `${made.path}, ${formatBytes(made.bytes)}: ${made.sha256}`,
        ...made.remarks,
        `Serve it with: galerne serve --model ${made.name}=${made.path}`,
      ].join('\n'),
    )
  } finally {
    display.end()
  }
}
