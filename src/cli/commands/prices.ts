// `galerne prices`: what models cost, and the operator's own prices and exchange rates.
import type { Command } from 'commander'
import type { Static } from 'typebox'
import type { PriceInForceList, PriceObject, RateObject } from '../../wire/prices.ts'
import { numberOf } from '../numbers.ts'
import { addRemote, ask, askAll, type Options, withServer } from '../remote.ts'
import { printResult, table } from '../terminal.ts'

type Price = Static<typeof PriceObject>
type InForce = Static<typeof PriceInForceList>['data'][number]

const root = '/galerne/v1/prices'
const from = ['--from <time>', 'Day or time in UTC from which it holds: 2026-12-01.'] as const

/** Adds the command with its subcommands. */
export function addPricesCommand(program: Command): void {
  const prices = program.command('prices').summary('show and set what tokens cost')
  addRemote(prices.command('list').summary('list prices in force, and those set here').action(list))
  addRemote(
    prices
      .command('set <model> <input> <output>')
      .summary('set a price, per million tokens')
      .option('--cached <amount>', 'Cached input; the same as input without it.', numberOf)
      .option('--currency <code>', "USD or EUR; the server's without it.")
      .option('--provider <vendor>', 'The vendor of a model that does not run here.')
      .option(...from)
      .option('--source <text>', 'Where the figure is from.')
      .action(async (model: string, input: string, output: string, options: Options) => {
        const { cached, currency, provider, from, source } = options
        const body = {
          model,
          input: numberOf(input),
          output: numberOf(output),
          cached,
          currency,
          provider,
          from,
          source,
        }
        await set(options, root, body, (price: Price) => `${price.model} costs ${spoken(price)} (${price.id}).`)
      }),
  )
  addRemote(
    prices
      .command('from-machine <model>')
      .summary('price a model by what its machine costs')
      .description(
        'Hardware and electricity per hour over the tokens made in one. Throughput that is not given is measured.',
      )
      .requiredOption('--hardware <amount>', 'Cost of the machine per hour.', numberOf)
      .requiredOption('--watts <number>', 'What it draws under load.', numberOf)
      .requiredOption('--electricity <amount>', 'Cost of a kWh.', numberOf)
      .option('--input-speed <number>', 'Prompt tokens per second, all streams together.', numberOf)
      .option('--output-speed <number>', 'Generated tokens per second, all streams together.', numberOf)
      .option(...from)
      .option('--plan', 'Say the price, and do not set it.')
      .action(async (model: string, options: Options) => {
        const body = {
          ...{ model, from: options['from'], plan: options['plan'] },
          ...{
            hardware_per_hour: options['hardware'],
            watts: options['watts'],
            electricity_per_kwh: options['electricity'],
          },
          ...{ input_tokens_per_second: options['inputSpeed'], output_tokens_per_second: options['outputSpeed'] },
        }
        await set(
          options,
          `${root}/from-machine`,
          body,
          (price: Price) => `${price.model} costs ${spoken(price)}; ${price.source}.`,
        )
      }),
  )
  addRemote(
    prices
      .command('remove <id>')
      .summary('take a price back')
      .action(async (id: string, options: Options) => {
        const path = `${root}/${encodeURIComponent(id)}`
        const price = await withServer(options, (server) => ask<Price>(server, 'DELETE', path))
        printResult(options['json'] === true, price, () => `${price.id} of ${price.model} holds no more.`)
      }),
  )
  addRemote(
    prices
      .command('exchange <eur-per-usd>')
      .summary('set an exchange rate')
      .requiredOption(...from)
      .requiredOption('--source <text>', 'Where the rate is from.')
      .action(async (rate: string, options: Options) => {
        const body = { from: options['from'], eur_per_usd: numberOf(rate), source: options['source'] }
        const said = (set: Static<typeof RateObject>) =>
          `1 USD is ${set.eur_per_usd} EUR from ${set.from.slice(0, 10)} on.`
        await set(options, '/galerne/v1/exchange-rates', body, said)
      }),
  )
}

async function set<Answer>(
  options: Options,
  path: string,
  body: object,
  said: (answer: Answer) => string,
): Promise<void> {
  const answer = await withServer(options, (server) => ask<Answer>(server, 'POST', path, body))
  printResult(options['json'] === true, answer, () => said(answer))
}

async function list(options: Options): Promise<void> {
  const prices = await withServer(options, async (server) => ({
    in_force: await askAll<InForce>(server, `${root}/in-force`),
    operator: await askAll<Price>(server, root),
  }))
  printResult(options['json'] === true, prices, () => {
    const now = prices.in_force.map(({ model, price }) => [
      model,
      price === null ? 'nothing' : priceText(price),
      price?.source ?? '',
    ])
    const own = prices.operator.map((price) => [
      price.model,
      priceText(price),
      price.from?.slice(0, 10) ?? '–',
      price.id,
    ])
    const set =
      own.length === 0 ? '' : `\n\n${table([['set here', 'in, cached, out per million', 'from', 'id'], ...own])}`
    return table([['model', 'in, cached, out per million', 'source'], ...now]) + set
  })
}

function priceText({ input, cached, output, currency }: Price): string {
  return `${input}, ${cached}, ${output} ${currency}`
}

/** The same in a sentence. */
function spoken({ input, cached, output, currency }: Price): string {
  return `${input} in, ${cached} cached, ${output} out, ${currency} per million tokens`
}
