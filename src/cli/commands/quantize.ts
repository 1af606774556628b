// `galerne quantize`: makes another quantisation of a model, and says what it costs and saves. Works without a server.
import type { Command } from 'commander'
import { childEnvironment } from '../../base/config.ts'
import { makeHome } from '../../base/home.ts'
import { quantisationNames } from '../../engine/quantisations.ts'
import { entriesOf } from '../../features/models/catalogue.ts'
import { loadCatalogue } from '../../features/models/catalogue-own.ts'
import { quantizeModel } from '../../features/models/quantize.ts'
import {
  addMeasuring,
  fetchWeights,
  figures,
  interrupted,
  type MeasureFlags,
  measurer,
  threadsOf,
  weightSettings,
} from '../measuring.ts'
import { progressDisplay } from '../progress.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { formatBytes, printResult, remark } from '../terminal.ts'

interface QuantizeFlags extends MeasureFlags {
  readonly to: string
  readonly output?: string
  readonly importanceMatrix?: string
  readonly allowRequantize?: boolean
  readonly measure: boolean
}

/** Adds the command. */
export function addQuantizeCommand(program: Command): void {
  const command = program
    .command('quantize <model>')
    .summary('make another quantisation of a model')
    .description(
      'Makes another quantisation of a model and puts it among the stored ones under its name with :<quantisation>, or into a\n' +
        'file. Says size, perplexity and speed before and after. <model> is what "galerne pull" takes, best in F16 or BF16.\n' +
        'Ctrl-C ends it and leaves nothing half done. Needs no server.',
    )
    .requiredOption('--to <name>', `What to make. One of: ${quantisationNames.join(', ')}.`)
    .option('-o, --output <file>', 'File to write, .gguf; among the stored models without it.')
    .option('--importance-matrix <file>', 'What llama-imatrix wrote for this model, as GGUF or in its older form.')
    .option('--allow-requantize', 'Take weights that are quantised already: the result is worse than from F16.')
    .option('--no-measure', 'Do not measure perplexity and speed.')
    .action(async (model: string, flags: QuantizeFlags) => await run(model, flags))
  addJson(addSettings(addMeasuring(command), [...weightSettings]))
}

async function run(reference: string, flags: QuantizeFlags): Promise<void> {
  const { config } = configFrom({ ...flags })
  await makeHome(config.home)
  const signal = interrupted('Stopped. Nothing half done is left.')
  const source = await fetchWeights(reference, config, flags, signal)
  const display = progressDisplay(source.name)
  const { output, importanceMatrix, to } = flags
  const made = await quantizeModel(source, {
    ...{
      home: config.home,
      to,
      output,
      importanceMatrix,
      signal,
      catalogue: entriesOf(await loadCatalogue(config.home)),
    },
    ...{ allowRequantize: flags.allowRequantize === true, threads: threadsOf(config), environment: childEnvironment() },
    ...(flags.json !== true && { onBytes: display.copying(`to ${to}`) }),
  }).finally(() => display.end())
  if (made.fallbacks > 0)
    remark(`${made.fallbacks} tensors have the next larger type: their rows are no whole blocks of ${made.to}.`)
  const measure = measurer(config, flags, signal)
  const before = flags.measure ? await measure(source) : undefined
  const after = flags.measure ? await measure(made.model) : undefined
  const { name, path, sha256, bytes: sizeBytes } = made.model
  const result = { name, path, sha256, sizeBytes, from: made.from, to: made.to, fallbacks: made.fallbacks }
  printResult(flags.json, { ...result, before, after }, () => {
    const measured =
      before && after
        ? `${figures([
            ['before', before],
            ['after', after],
          ])}\n`
        : ''
    const sizes = `${path}: ${formatBytes(source.bytes)} → ${formatBytes(sizeBytes)}`
    return `${measured}${sizes}\nServe it with: galerne serve --model ${made.serveAs}`
  })
}
