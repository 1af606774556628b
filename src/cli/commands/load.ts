// `galerne load|unload|pin`: which models of the running server are in memory, and how long they stay.
import type { Command } from 'commander'
import { createParser } from 'eventsource-parser'
import { settingSchema } from '../../base/config-schema.ts'
import { parseSetting } from '../../base/config-values.ts'
import { fail } from '../../base/errors.ts'
import type { ModelStateShown } from '../../wire/model-states.ts'
import type { Connection } from '../connection.ts'
import { addRemote, ask, withServer } from '../remote.ts'
import { formatBytes, formatSeconds, printResult, remark } from '../terminal.ts'

interface Options {
  readonly json?: boolean
  readonly pin?: boolean
  readonly off?: boolean
  readonly keep?: string
  readonly rank?: string
}

/** Adds the three commands. */
export function addLoadCommands(program: Command): void {
  const load = program
    .command('load <model>')
    .summary('load a model of the server into memory')
    .description(
      'Loads a model, unloading others where it needs their room. <model> is a name that the server has, or what weights on its\n' +
        'disk were pulled by: those are then served until the server ends.',
    )
    .option('--pin', 'Never unload it to make room for another one.')
    .option('--keep <time>', 'Unload it after this time without a request, such as 10m; 0 keeps it loaded.')
    .option('--rank <number>', 'Its priority: models of higher priority are unloaded last.')
  addServer(load, async (connection, model, options) => await loadOne(connection, model, options))
  const unload = program
    .command('unload <model>')
    .summary('unload a model of the server')
    .description('Lets requests at work end and unloads a model. The next call loads it again.')
  addServer(unload, async (connection, model, options) => {
    const state = await post(connection, 'unload', { model })
    printResult(options.json, state, () => `${state.model} is ${state.state}`)
  })
  const pin = program
    .command('pin <model>')
    .summary('keep a model of the server in memory')
    .description('Keeps a model from being unloaded to make room, or says otherwise how long it stays.')
    .option('--off', 'Unpin it.')
    .option('--keep <time>', 'Unload it after this time without a request, such as 10m; 0 keeps it loaded.')
    .option('--rank <number>', 'Its priority: models of higher priority are unloaded last.')
  addServer(pin, async (connection, model, options) => {
    const place = placeOf(options)
    const pinned = options.off === true ? { pinned: false } : Object.keys(place).length === 0 ? { pinned: true } : {}
    const state = await post(connection, 'pin', { model, ...place, ...pinned })
    printResult(
      options.json,
      state,
      () => `${state.model}: ${state.pinned ? 'pinned' : 'not pinned'}, priority ${state.priority}`,
    )
  })
}

function addServer(
  command: Command,
  run: (connection: Connection, model: string, options: Options) => Promise<void>,
): void {
  addRemote(command).action(async (model: string, options: Options) => {
    await withServer({ ...options }, async (connection) => await run(connection, model, options))
  })
}

const post = (connection: Connection, path: string, body: object) =>
  ask<ModelStateShown>(connection, 'POST', `/galerne/v1/models/${path}`, body)

async function loadOne(connection: Connection, model: string, options: Options): Promise<void> {
  const body = { model, ...placeOf(options), ...(options.pin === true && { pinned: true }), stream: true }
  const answer = await connection.send('/galerne/v1/models/load', { method: 'POST', body: JSON.stringify(body) })
  let last: ModelStateShown | undefined
  let shown = -1
  let ended = ''
  const parser = createParser({
    onEvent({ event, data }) {
      last = JSON.parse(data) as ModelStateShown
      ended = event ?? ''
      const tenth = Math.floor((last.progress ?? 0) * 10)
      if (options.json !== true && last.state === 'loading' && tenth > shown) remark(`loading ${model}: ${tenth * 10}%`)
      shown = Math.max(shown, tenth)
    },
  })
  const decoder = new TextDecoder()
  for await (const chunk of answer.body) parser.feed(decoder.decode(chunk, { stream: true }))
  if (last === undefined || ended !== 'done')
    throw new Error(last?.error?.message ?? 'The server ended the answer early.')
  const { model: name, memory_bytes, load_seconds, streams, context_length } = last
  printResult(
    options.json,
    last,
    () =>
      `${name} is loaded: ${formatBytes(memory_bytes)}, ${streams} streams of ${context_length} tokens, in ${formatSeconds(load_seconds)}`,
  )
}

function placeOf({ keep, rank }: Options): { idle_timeout?: number; priority?: number } {
  return {
    ...(keep !== undefined && { idle_timeout: secondsOf(keep) }),
    ...(rank !== undefined && { priority: wholeNumber(rank) }),
  }
}

function secondsOf(text: string): number {
  const parsed = parseSetting(settingSchema('model-idle-timeout'), text, '.')
  if ('fault' in parsed) throw fail('invalid_value', { param: 'keep', reason: `it ${parsed.fault}` })
  return Math.round(Number(parsed.value) / 1000)
}

function wholeNumber(text: string): number {
  if (!/^-?\d{1,6}$/.test(text)) throw fail('invalid_value', { param: 'rank', reason: 'it must be a whole number' })
  return Number(text)
}
