// `galerne rm|prune`: takes weights away from the disk of the running server.
import type { Command } from 'commander'
import type { Removed } from '../../wire/model-states.ts'
import { addRemote, ask, type Options, withServer } from '../remote.ts'
import { formatBytes, printResult } from '../terminal.ts'

/** Adds both commands. */
export function addRemoveCommands(program: Command): void {
  const remove = program
    .command('rm <model>')
    .summary("remove a model's weights from the server's disk")
    .description(
      "Removes weights that were pulled or imported; a model that serves them is unloaded first. What somebody else brought\ninto Hugging Face's cache stays there.",
    )
    .option('--force', 'Also where an alias leads to it.')
  addRemote(remove).action(async (model: string, options: Options) => {
    await send('remove', { model, ...(options['force'] === true && { force: true }) }, options)
  })
  const prune = program
    .command('prune')
    .summary("remove what broken pulls left on the server's disk")
    .description('Removes what broken pulls left and nobody has touched for an hour.')
    .option('--unused', 'And all weights that no model of the server uses.')
  addRemote(prune).action(
    async (options: Options) => await send('prune', { unused: options['unused'] === true }, options),
  )
}

async function send(path: string, body: object, options: Options): Promise<void> {
  const removed = await withServer(options, (server) =>
    ask<Removed>(server, 'POST', `/galerne/v1/models/${path}`, body),
  )
  printResult(options['json'] === true, removed, () => words(removed))
}

function words({ files, freed_bytes, kept }: Removed): string {
  const lines = [...files.map((file) => `removed ${file}`), ...kept.map((file) => `kept ${file}: others brought it`)]
  return [...lines, `${formatBytes(freed_bytes)} freed`].join('\n')
}
