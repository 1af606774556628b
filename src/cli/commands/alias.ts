// `galerne alias`: names that lead to models, their canaries and shadows, who changed them, and what was measured of weights.
import type { Command } from 'commander'
import type { AliasChangeShown, AliasShown, QualityShown, SetAliasRequest } from '../../wire/aliases.ts'
import type { Connection } from '../connection.ts'
import { numberOf } from '../numbers.ts'
import { addRemote, ask, askAll, type Options, spanSeconds, withServer } from '../remote.ts'
import { printResult, table } from '../terminal.ts'

const root = '/galerne/v1/aliases'
const pathOf = (name: string) => `${root}/${encodeURIComponent(name)}`
const because = ['--reason <text>', 'For the history.'] as const

/** Adds the command with its subcommands. */
export function addAliasCommand(program: Command): void {
  const alias = program.command('alias').summary('point names at models, and try new versions on a part of the calls')
  addReading(alias)
  addChanging(alias)
  addTrying(alias)
  addQuality(alias)
}

function addReading(alias: Command): void {
  addRemote(alias.command('list').summary('list aliases and where they lead').action(list))
  addRemote(
    alias
      .command('history <name>')
      .summary('say who pointed an alias where, and when')
      .action(async (name: string, options: Options) => {
        const data = await withServer(options, (server) => askAll<AliasChangeShown>(server, `${pathOf(name)}/history`))
        printResult(options['json'] === true, data, () => table([historyHeading, ...data.map(historyRow)]))
      }),
  )
}

function addChanging(alias: Command): void {
  addRemote(
    alias
      .command('set <name> <model>')
      .summary('point an alias at a model')
      .description(
        'Points an alias at a model or at one version of it (name@sha256:…), on every node from the next call on. A canary and\n' +
          'a shadow that it has are taken off.',
      )
      .option(...because)
      .action(async (name: string, target: string, options: Options) => {
        await put(options, name, () => ({ target, ...reasonOf(options) }))
      }),
  )
  addRemote(
    alias
      .command('rollback <name>')
      .summary('undo the last change of an alias')
      .option('--to <change>', 'As it was after this change, an id of the history.')
      .option(...because)
      .action(async (name: string, options: Options) => {
        const body = { ...(options['to'] !== undefined && { to: options['to'] }), ...reasonOf(options) }
        await change(options, (server) => ask(server, 'POST', `${pathOf(name)}/rollback`, body))
      }),
  )
  addRemote(
    alias
      .command('rm <name>')
      .summary('remove an alias; its history stays')
      .action(
        async (name: string, options: Options) =>
          await change(options, (server) => ask(server, 'DELETE', pathOf(name))),
      ),
  )
}

function addTrying(alias: Command): void {
  addRemote(
    alias
      .command('canary <name>')
      .summary('send a part of the calls to another version')
      .description(
        "Sends a part of an alias's calls to another version, and takes it off by itself when too many of them fail, when its\n" +
          'first token comes too late, or when it does not pass its gate. A name that is no alias yet becomes one for itself.',
      )
      .option('--to <model>', 'The version that gets them.')
      .option('--percent <number>', 'Of the calls.', numberOf)
      .option('--sticky <by>', 'key, session, user or random: by what a caller stays with a version. key without it.')
      .option('--seed <number>', 'The same seed gives the same draws.', numberOf)
      .option('--error-rate <percent>', 'Percent of its calls that may fail; 5 without it.', numberOf)
      .option('--minimum-calls <number>', 'Calls before its figures count; 20 without it.', numberOf)
      .option('--window <time>', 'Calls older than this do not count; 5m without it.')
      .option('--first-token-ratio <number>', "How many times the target's its first-token p95 may be.", numberOf)
      .option('--gate', 'Its weights must have been measured: see the three below.')
      .option('--max-perplexity <number>', 'The most that its perplexity may be.', numberOf)
      .option(
        '--max-perplexity-ratio <number>',
        "The most in times the target's on the same text; 1.05 with --gate alone.",
        numberOf,
      )
      .option('--min-accuracy <number>', 'The least accuracy on a task set, 0 to 1.', numberOf)
      .option('--webhook <address>', 'A roll-back is posted there, signed with a secret that is shown this once.')
      .option('--off', 'Take the canary off.')
      .option(...because)
      .action(async (name: string, options: Options) => {
        await put(options, name, (now) => ({ ...now, canary: canaryOf(options, now), ...reasonOf(options) }))
      }),
  )
  addRemote(
    alias
      .command('shadow <name>')
      .summary('send copies of calls to another version, whose answers nobody sees')
      .option('--to <model>', 'The version that gets them.')
      .option('--percent <number>', 'Of the calls; 100 without it.', numberOf)
      .option('--off', 'Take the shadow off.')
      .option(...because)
      .action(async (name: string, options: Options) => {
        const shadow = options['off'] === true ? null : { target: demandTo(options), ...given(options, ['percent']) }
        await put(options, name, (now) => ({ ...now, shadow, ...reasonOf(options) }))
      }),
  )
}

function addQuality(alias: Command): void {
  addRemote(
    alias
      .command('quality [model]')
      .summary('show what was measured of weights, or keep a measurement')
      .option('--perplexity <number>', 'Keep this perplexity.', numberOf)
      .option('--accuracy <number>', 'Keep this accuracy, 0 to 1.', numberOf)
      .option('--text-sha256 <digest>', 'Of the text that the perplexity is of.')
      .option('--note <text>', 'Where the figures are from.')
      .action(async (model: string | undefined, options: Options) => {
        const figures = given(options, ['perplexity', 'accuracy', 'textSha256', 'note'])
        const path = '/galerne/v1/model-quality'
        if (Object.keys(figures).length > 0) {
          const body = { model, ...figures }
          const kept = await withServer(options, (server) => ask<QualityShown>(server, 'POST', path, body))
          printResult(options['json'] === true, kept, () => table([qualityHeading, qualityRow(kept)]))
          return
        }
        const query = model === undefined ? '' : `?model=${encodeURIComponent(model)}`
        const data = await withServer(options, (server) => askAll<QualityShown>(server, `${path}${query}`))
        printResult(options['json'] === true, data, () => table([qualityHeading, ...data.map(qualityRow)]))
      }),
  )
}

type Wanted = Partial<SetAliasRequest>

/** Sets an alias to what `wanted` makes of how it stands, unless somebody changes it meanwhile. */
async function put(options: Options, name: string, wanted: (now: Wanted) => Wanted): Promise<void> {
  const alias = await withServer(options, async (server) => {
    const data = await askAll<AliasShown>(server, root)
    const known = data.find((one) => one.name === name)
    const now =
      known === undefined ? { target: name } : { target: known.target, canary: known.canary, shadow: known.shadow }
    const body = { ...wanted(now), revision: known?.revision ?? 0 }
    return await ask<AliasShown>(server, 'PUT', pathOf(name), body)
  })
  const secret = alias.canary?.webhook_secret
  const kept =
    secret === undefined
      ? ''
      : `\nIts webhook's messages are signed with ${secret}\nKeep it now: it is not shown again.`
  printResult(options['json'] === true, alias, () => `${sentence(alias)}${kept}`)
}

async function change(options: Options, run: (server: Connection) => Promise<AliasChangeShown>): Promise<void> {
  const made = await withServer(options, run)
  printResult(options['json'] === true, made, () =>
    made.after === null ? `${made.alias} is no alias any more` : sentence({ name: made.alias, ...made.after }),
  )
}

function canaryOf(options: Options, now: Wanted): NonNullable<Wanted['canary']> | null {
  if (options['off'] === true) return null
  const window = options['window']
  const errorRate = options['errorRate']
  const gate = {
    ...(options['gate'] === true && { max_perplexity_ratio: 1.05 }),
    ...given(options, ['maxPerplexity', 'maxPerplexityRatio', 'minAccuracy']),
  }
  // Of the canary that it has, what is not said again stays.
  const { rollback, ...known } = now.canary ?? {}
  return {
    ...known,
    target: typeof options['to'] === 'string' || now.canary == null ? demandTo(options) : now.canary.target,
    percent: Number(options['percent'] ?? now.canary?.percent ?? 5),
    ...given(options, ['sticky', 'seed', 'webhook']),
    rollback: {
      ...rollback,
      ...given(options, ['minimumCalls', 'firstTokenRatio']),
      ...(typeof window === 'string' && { window_seconds: spanSeconds(window) }),
      ...(typeof errorRate === 'number' && { error_rate: errorRate / 100 }),
    },
    ...(Object.keys(gate).length > 0 && { gate }),
  }
}

function demandTo({ to }: Options): string {
  if (typeof to === 'string') return to
  throw new Error('Say which version with --to <model>, or --off.')
}

function reasonOf({ reason }: Options) {
  return typeof reason === 'string' ? { reason } : {}
}

/** Options that were given, in the words of the API. */
function given(options: Options, names: readonly string[]): Record<string, never> {
  const entries = names.filter((name) => options[name] !== undefined).map((name) => [snake(name), options[name]])
  return Object.fromEntries(entries) as Record<string, never>
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

async function list(options: Options): Promise<void> {
  const data = await withServer(options, (server) => askAll<AliasShown>(server, root))
  printResult(options['json'] === true, data, () =>
    table([
      ['alias', 'leads to', 'weights', 'canary', 'shadow'],
      ...data.map(({ name, target, digest, canary, shadow }) => [
        name,
        short(target),
        digest === null ? '–' : digest.slice(7, 19),
        canary === null ? '–' : `${canary.percent} % ${short(canary.target)}`,
        shadow === null ? '–' : `${shadow.percent} % ${short(shadow.target)}`,
      ]),
    ]),
  )
}

function sentence({ name, target, canary, shadow }: Pick<AliasShown, 'name' | 'target' | 'canary' | 'shadow'>): string {
  const trying = canary === null ? '' : `; ${canary.percent} % of its calls go to ${short(canary.target)}`
  const copies = shadow === null ? '' : `; copies of ${shadow.percent} % go to ${short(shadow.target)}`
  return `${name} leads to ${short(target)}${trying}${copies}`
}

/** A digest as people compare it. */
const short = (name: string) => name.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1')

const historyHeading = ['when', 'who', 'what', 'from', 'to', 'why', 'id']

function historyRow({ at, actor, action, before, after, reason, id }: AliasChangeShown): readonly string[] {
  const side = (state: AliasChangeShown['before']) => {
    if (state === null) return '–'
    const canary = state.canary === null ? '' : `, ${state.canary.percent} % ${short(state.canary.target)}`
    return `${short(state.target)}${canary}${state.shadow === null ? '' : `, copies to ${short(state.shadow.target)}`}`
  }
  const when = new Date(at * 1000).toISOString().slice(0, 19).replace('T', ' ')
  return [when, `${actor.kind} ${actor.id}`, action, side(before), side(after), reason ?? '', id]
}

const qualityHeading = ['weights', 'perplexity', 'accuracy', 'text', 'when', 'note']

function qualityRow({ digest, perplexity, accuracy, text_sha256, at, note }: QualityShown): readonly string[] {
  return [
    digest.slice(0, 19),
    perplexity?.toString() ?? '–',
    accuracy?.toString() ?? '–',
    text_sha256?.slice(0, 12) ?? '–',
    new Date(at * 1000).toISOString().slice(0, 10),
    note ?? '',
  ]
}
