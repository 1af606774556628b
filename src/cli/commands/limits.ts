// `galerne limits`: shows and sets limits and tiers of the running server.
import type { Command } from 'commander'
import { numberOf } from '../numbers.ts'
import { addRemote, ask, askAll, type Options, withServer } from '../remote.ts'
import { printResult, table } from '../terminal.ts'

interface Row {
  readonly [name: string]: string | number | boolean | null | undefined
}

/** A limit: its flag, the head of its column, and what it does. */
const numbers = [
  ['requests-per-second', 'requests/s', 'Requests in one second.'],
  ['requests-per-minute', 'requests/min', 'Requests in one minute.'],
  ['tokens-per-minute', 'tokens/min', 'Tokens in one minute, of prompts and answers together.'],
  ['tokens-per-month', 'tokens/month', 'Tokens in one calendar month (UTC).'],
  ['parallel-requests', 'parallel', 'Requests that run or wait at the same time.'],
  ['line-length', 'line', 'Requests that may wait in line per model; more are refused.'],
  ['line-weight', 'weight', 'Share of turns in line, beside others; 1 without it.'],
] as const

/** Adds the command. */
export function addLimitsCommand(program: Command): void {
  const limits = program.command('limits').summary('show and set limits of requests and tokens, and tiers')
  addRemote(
    limits.command('list', { isDefault: true }).description('Lists limits, tiers, and who is in which.'),
  ).action(async (options: Options) => {
    const overview = await withServer(options, async (server) => ({
      limits: await askAll<Row>(server, '/galerne/v1/limits'),
      tiers: await askAll<Row>(server, '/galerne/v1/tiers'),
      assignments: await askAll<Row>(server, '/galerne/v1/tiers/assignments'),
    }))
    printResult(options['json'] === true, overview, () =>
      [
        overview.limits.length === 0 ? 'No limits are set.' : limitTable(overview.limits),
        table([
          ['tier', 'model', 'spend above', ...numbers.slice(0, 5).map(([, title]) => title)],
          ...overview.tiers.map(tierOf),
        ]),
        ...overview.assignments.map(
          (one) =>
            `${partyName(one)} is in tier ${one['tier']}${one['automatic'] === true ? ', by what is spent' : ''}.`,
        ),
      ].join('\n\n'),
    )
  })
  const set = limits.command('set').description('Sets limits; "none" takes one away. What is not named stays as it is.')
  for (const [name, , what] of numbers) set.option(`--${name} <number>`, what)
  addRemote(whoseOfModel(set)).action(async (options: Options) => {
    const given = numbers.flatMap(([name]) => {
      const value = options[camel(name)]
      return value === undefined ? [] : [[name.replaceAll('-', '_'), value === 'none' ? null : numberOf(String(value))]]
    })
    const limit = (await call(options, 'PUT', '/galerne/v1/limits', {
      ...partyOf(options),
      ...Object.fromEntries(given),
    })) as Row
    printResult(options['json'] === true, limit, () => limitTable([limit]))
  })
  addRemote(
    whoseOfModel(limits.command('remove').description('Takes all limits of somebody for a model away.')),
  ).action(async (options: Options) => {
    const query = new URLSearchParams(partyOf(options))
    const removed = await call(options, 'DELETE', `/galerne/v1/limits?${query}`)
    printResult(options['json'] === true, removed, () => 'Removed.')
  })
  addRemote(
    limits
      .command('tier <tier>')
      .description(
        'Puts a workspace or the organisation into a tier: free, a number, "auto" to follow the spend, or "none".',
      )
      .option('--workspace <id>', 'The workspace; the organisation without it.'),
  ).action(async (tier: string, options: Options) => {
    const workspace = options['workspace']
    const party = workspace === undefined ? { scope: 'organisation' } : { scope: 'workspace', subject: workspace }
    const wanted = /^\d+$/.test(tier) ? Number(tier) : tier
    const assigned = (await call(options, 'PUT', '/galerne/v1/tiers/assignments', { ...party, tier: wanted })) as Row
    printResult(
      options['json'] === true,
      assigned,
      () => `${partyName(assigned)} is in ${assigned['tier'] == null ? 'no tier' : `tier ${assigned['tier']}`} now.`,
    )
  })
}

const limitTable = (limits: readonly Row[]) =>
  table([['for', 'model', ...numbers.map(([, title]) => title)], ...limits.map(rowOf)])

const partyName = (party: Row) =>
  party['scope'] === 'organisation' ? 'The organisation' : `The ${party['scope']} ${party['subject']}`

/** Whose limits: the organisation's, unless a workspace or a key is named. */
export function whose(command: Command): Command {
  return command
    .option('--workspace <id>', 'Of this workspace.')
    .option('--key <id>', 'Of this key; without either, of the organisation.')
}

/** The same, for one model or for all. */
function whoseOfModel(command: Command): Command {
  return whose(command).option('--model <name>', 'For one model; all together without it.')
}

/** The party that the flags name, as the API takes it. */
export function partyOf(options: Options): Record<string, string> {
  const { key, workspace, model } = options as Record<string, string | undefined>
  const party: Record<string, string> =
    key !== undefined
      ? { scope: 'key', subject: key }
      : workspace !== undefined
        ? { scope: 'workspace', subject: workspace }
        : { scope: 'organisation' }
  return { ...party, ...(model !== undefined && { model }) }
}

/** One call of the running server; throws its message. */
export async function call(
  options: Options,
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  path: string,
  body?: object,
): Promise<unknown> {
  return await withServer(options, (server) => ask<unknown>(server, method, path, body))
}

const camel = (name: string) => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
const shown = (value: Row[string]) => (value === null || value === undefined ? '–' : String(value))

function rowOf(row: Row): string[] {
  const party = row['scope'] === 'organisation' ? 'organisation' : `${row['scope']} ${row['subject']}`
  return [party, shown(row['model']), ...numbers.map(([name]) => shown(row[name.replaceAll('-', '_')]))]
}

function tierOf(row: Row): string[] {
  const tier = row['tier'] === 0 ? 'free' : shown(row['tier'])
  return [
    tier,
    shown(row['model']),
    shown(row['spend_above']),
    ...numbers.slice(0, 5).map(([name]) => shown(row[name.replaceAll('-', '_')])),
  ]
}
