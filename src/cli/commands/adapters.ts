// `galerne adapters`: LoRA adapters of the models of this machine. Adding and removing work without a server; a running one learns of them at once.
import { basename, resolve } from 'node:path'
import type { Command } from 'commander'
import { fail } from '../../base/errors.ts'
import { makeHome } from '../../base/home.ts'
import { readBase } from '../../features/models/adapter-base.ts'
import {
  findAdapter,
  removeStoredAdapter,
  type StoredAdapter,
  storeAdapter,
  storedAdapters,
} from '../../features/models/adapter-store.ts'
import type { AdapterShown } from '../../wire/adapters.ts'
import { addRemote, ask, askAll, type Options, withServer } from '../remote.ts'
import { configFrom } from '../settings.ts'
import { formatBytes, printResult, table } from '../terminal.ts'

/** Adds the command. */
export function addAdaptersCommand(program: Command): void {
  const adapters = program.command('adapters').summary('LoRA adapters over the models of this machine')
  addRemote(
    adapters
      .command('add <model> <source>')
      .summary('let calls use a LoRA adapter')
      .description(
        'Copies a LoRA adapter into home and lets calls use it as <model>+<name>; a running server takes it at\n' +
          'once. <source> is a GGUF file, or a folder of PEFT (adapter_config.json, adapter_model.safetensors)\n' +
          'for a Llama, Mistral or Mixtral. The weight of one call stands behind the name, <model>+<name>:0.5,\n' +
          'and several add up: <model>+one:0.5+two.',
      )
      .option('--name <name>', "Its name; the file's or the folder's without it.")
      .option(
        '--base <file>',
        "The model's GGUF file, for a folder; found by itself where it is stored or in the settings.",
      ),
  ).action(async (model: string, source: string, options: Options) => await add(model, resolve(source), options))
  addRemote(adapters.command('list').summary('list the LoRA adapters')).action(list)
  addRemote(adapters.command('rm <model> <name>').summary('remove a LoRA adapter from this machine')).action(remove)
}

async function add(model: string, source: string, options: Options): Promise<void> {
  const { config } = configFrom(options)
  await makeHome(config.home)
  const { name: given, base: file } = options
  const name = typeof given === 'string' ? given : basename(source).replace(/\.gguf$/i, '')
  const places = { home: config.home, settings: config.model, ...(typeof file === 'string' && { file: resolve(file) }) }
  const stored = await storeAdapter(config.home, { model, name, source, base: () => readBase(model, places) })
  const shown = await tell(options, 'adapters', stored).catch(async (error: unknown) => {
    await removeStoredAdapter(stored)
    throw error
  })
  printResult(options['json'] === true, shown ?? offline(stored), () =>
    shown === undefined
      ? `${model}+${name} is there from the next start of the server.`
      : `Calls may name the model ${shown.id} now.`,
  )
}

async function list(options: Options): Promise<void> {
  const { config } = configFrom(options)
  const shown =
    (await orOffline(() => withServer(options, (server) => askAll<AdapterShown>(server, '/galerne/v1/adapters')))) ??
    (await storedAdapters(config.home)).map(offline)
  printResult(options['json'] === true, shown, () =>
    table([
      ['name', 'size', 'state'],
      ...shown.map(({ id, bytes, served, error }) => [
        id,
        formatBytes(bytes),
        error?.message ?? (served ? 'served' : 'not served'),
      ]),
    ]),
  )
}

async function remove(model: string, name: string, options: Options): Promise<void> {
  const { config } = configFrom(options)
  const removed = await tell<{ id: string }>(options, 'adapters/remove', { model, name })
  if (removed === undefined) {
    const stored = await findAdapter(config.home, model, name)
    if (stored === undefined) throw fail('not_found', { what: 'adapter', id: `${model}+${name}` })
    await removeStoredAdapter(stored)
  }
  const id = `${model}+${name}`
  printResult(options['json'] === true, removed ?? { object: 'adapter.removed', id }, () => `${id} is removed.`)
}

/** Tells the running server; undefined where none runs. */
async function tell<Answer = AdapterShown>(
  options: Options,
  path: string,
  { model, name }: Pick<StoredAdapter, 'model' | 'name'>,
): Promise<Answer | undefined> {
  return await orOffline(() =>
    withServer(options, (server) => ask<Answer>(server, 'POST', `/galerne/v1/${path}`, { model, name })),
  )
}

async function orOffline<Answer>(work: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await work()
  } catch (error) {
    if ((error as { code?: unknown }).code === 'server_not_running') return undefined
    throw error
  }
}

function offline({ model, name, sha256, bytes }: StoredAdapter): AdapterShown {
  return { object: 'adapter', id: `${model}+${name}`, model, name, sha256, bytes, served: false, error: null }
}
