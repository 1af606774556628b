// `galerne ps`: what the models of the running server are doing.
import type { Command } from 'commander'
import type { ModelStateShown } from '../../wire/model-states.ts'
import { addRemote, askAll, type Options, withServer } from '../remote.ts'
import { formatBytes, formatSeconds, printResult, table } from '../terminal.ts'

/** Adds the command. */
export function addPsCommand(program: Command): void {
  const command = program
    .command('ps')
    .summary('say what the models of the server are doing')
    .description(
      'Lists the models of the running server: loaded or not, how far a load is, memory, who is pinned, who waits.',
    )
  addRemote(command).action(async (options: Options) => {
    const data = await withServer(options, (server) => askAll<ModelStateShown>(server, '/galerne/v1/models'))
    printResult(options['json'] === true, data, () => table([heading, ...data.map(row)]))
  })
}

const heading = ['model', 'state', 'memory', 'streams', 'context', 'running', 'waiting', 'idle', 'kept']

function row(state: ModelStateShown): readonly string[] {
  const { model, memory_bytes, streams, context_length, running, waiting, idle_seconds } = state
  const idle = idle_seconds === null ? '' : formatSeconds(idle_seconds)
  const counts = [streams, context_length, running, waiting].map(String)
  return [model, stateWords(state), formatBytes(memory_bytes), ...counts, idle, kept(state)]
}

function stateWords({ state, progress, error }: ModelStateShown): string {
  if (state === 'loading') return `loading ${Math.round((progress ?? 0) * 100)}%`
  return state === 'unloaded' && error !== null ? `unloaded (${error.code})` : state
}

function kept({ pinned, priority, idle_timeout }: ModelStateShown): string {
  const words = [
    pinned ? 'pinned' : '',
    priority === 0 ? '' : `priority ${priority}`,
    idle_timeout === 0 ? '' : `${formatSeconds(idle_timeout)} when idle`,
  ]
  return words.filter((word) => word !== '').join(', ')
}
