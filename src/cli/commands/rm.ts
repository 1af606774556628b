// `galerne rm|prune`: takes weights away from the disk of the running server.
import type { Command } from 'commander'
import type { Removed } from '../../wire/model-states.ts'
import { connect } from '../connection.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { formatBytes, printResult } from '../terminal.ts'

interface Options {
  readonly url?: string
  readonly json?: boolean
  readonly unused?: boolean
  readonly force?: boolean
}

/** Adds both commands. */
export function addRemoveCommands(program: Command): void {
  const remove = program
    .command('rm <model>')
    .summary("remove a model's weights from the server's disk")
    .description(
      "Removes weights that were pulled or imported; a model that serves them is unloaded first. What somebody else brought\ninto Hugging Face's cache stays there.",
    )
    .option('--url <address>', 'Address of the server; found by itself when it runs on this machine.')
    .option('--force', 'Also where an alias leads to it.')
    .action(async (model: string, options: Options) => {
      await send('remove', { model, ...(options.force === true && { force: true }) }, options)
    })
  addJson(addSettings(remove, ['home', 'host', 'port', 'api-key']))
  const prune = program
    .command('prune')
    .summary("remove what broken pulls left on the server's disk")
    .description('Removes what broken pulls left and nobody has touched for an hour.')
    .option('--unused', 'And all weights that no model of the server uses.')
    .option('--url <address>', 'Address of the server; found by itself when it runs on this machine.')
    .action(async (options: Options) => await send('prune', { unused: options.unused === true }, options))
  addJson(addSettings(prune, ['home', 'host', 'port', 'api-key']))
}

async function send(path: string, body: object, options: Options): Promise<void> {
  const connection = await connect(configFrom({ ...options }), options.url)
  try {
    const answer = await connection.send(`/galerne/v1/models/${path}`, { method: 'POST', body: JSON.stringify(body) })
    const removed = (await answer.json()) as Removed
    printResult(options.json, removed, () => words(removed))
  } finally {
    await connection.close()
  }
}

function words({ files, freed_bytes, kept }: Removed): string {
  const lines = [...files.map((file) => `removed ${file}`), ...kept.map((file) => `kept ${file}: others brought it`)]
  return [...lines, `${formatBytes(freed_bytes)} freed`].join('\n')
}
