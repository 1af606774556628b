// `galerne models measure`: says how good a model is, in figures that compare. Needs no server.
import type { Command } from 'commander'
import { makeHome } from '../../base/home.ts'
import type { QualityRecord } from '../../features/models/measure.ts'
import {
  addMeasuring,
  fetchWeights,
  figures,
  interrupted,
  type MeasureFlags,
  measurer,
  weightSettings,
} from '../measuring.ts'
import { addRemote, ask, type Options, withServer } from '../remote.ts'
import { configFrom } from '../settings.ts'
import { printResult } from '../terminal.ts'

/** Adds the command below `models`. */
export function addMeasureCommand(models: Command): void {
  const measuring = models
    .command('measure <model>')
    .summary('measure perplexity, accuracy and speed of a model')
    .description(
      'Measures the perplexity of a model on a text, its accuracy on questions with choices, and its speed. With --json it\n' +
        'prints the record that is kept in home and that gates compare.',
    )
    .option('--publish', 'Hand the figures to the running server: the gates of canaries look at them.')
    .action(async (model: string, flags: MeasureFlags & Options) => await measureOne(model, flags))
  const weights = weightSettings.filter((name) => name !== 'home')
  addRemote(addMeasuring(measuring), weights)
}

async function measureOne(reference: string, flags: MeasureFlags & Options): Promise<void> {
  const { config } = configFrom({ ...flags })
  await makeHome(config.home)
  const signal = interrupted('Stopped: nothing was measured to its end.')
  const model = await fetchWeights(reference, config, flags, signal)
  const record = await measurer(config, flags, signal)(model)
  if (flags['publish'] === true) await publish(record, flags)
  printResult(flags.json, record, () => figures([[record.model, record]]))
}

/** Where `galerne alias canary --gate` looks. */
async function publish(record: QualityRecord, flags: Options): Promise<void> {
  const { digest, perplexity, accuracy, textSha256: text_sha256, model, quantisation, at } = record
  const note = `galerne models measure ${model} (${quantisation}), ${new Date(at).toISOString()}`
  const body = { digest, perplexity, text_sha256, note, ...(accuracy !== undefined && { accuracy }) }
  await withServer(flags, (server) => ask(server, 'POST', '/galerne/v1/model-quality', body))
}
