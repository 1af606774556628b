// The operator's prices and exchange rates, for administrators; and what every model costs now, for those who may see usage.
import type { Static } from 'typebox'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Server } from '../../wire/exchange.ts'
import type { ModelCard } from '../../wire/model.ts'
import { ListQuery, pageOf, readPaging } from '../../wire/paging.ts'
import {
  MachinePriceRequest,
  PriceInForceList,
  PriceList,
  PriceObject,
  RateList,
  RateObject,
  SetPriceRequest,
  SetRateRequest,
} from '../../wire/prices.ts'
import { readTime } from '../../wire/times.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { type ExchangeRate, localProvider } from './book.ts'
import { machineCost } from './machine.ts'
import type { OpenPrices } from './open.ts'
import { decimal, type Price, perMillion, type Rates } from './price.ts'
import { identified } from './row-id.ts'
import { readOperator, setPrice, setRate, withdrawPrice } from './store.ts'

/** What the routes work with. */
export interface PriceRoutes {
  readonly prices: OpenPrices
  readonly acts: Acts
  /** The models that somebody may use. */
  list(access: { readonly models?: readonly string[] }): readonly ModelCard[]
  /** The most tokens a second that the model has read and written in a minute; undefined where it has not been called. */
  measured(model: string, now: number): Promise<{ readonly input: number; readonly output: number } | undefined>
}

const tags = ['prices']
const reading = { permission: 'usage.read' } as const
const writing = { permission: 'prices.write' } as const

/** Adds the routes. */
export function registerPrices(server: Server, parts: PriceRoutes): void {
  const { prices, acts, list } = parts
  const { query } = acts.database
  server.get(
    '/galerne/v1/prices',
    {
      config: reading,
      schema: { tags, summary: 'Prices that the operator set', querystring: ListQuery, response: { 200: PriceList } },
    },
    async ({ query: asked }) => pageOf((await readOperator(query)).rows.map(priceObject), readPaging(asked)),
  )
  server.get(
    '/galerne/v1/prices/in-force',
    {
      config: reading,
      schema: {
        tags,
        summary: 'What each model costs now that the caller may use',
        querystring: ListQuery,
        response: { 200: PriceInForceList },
      },
    },
    async ({ query: asked, exchange }) => {
      const now = exchange.clock.now()
      const page = pageOf(list(exchange.caller), readPaging(asked), ({ name }) => name)
      const shown = page.data.map(({ name }) => {
        const price = prices.priceOf({ name }, now)
        return { model: name, provider: localProvider, price: price === undefined ? null : priceObject(price) }
      })
      return { ...page, data: shown }
    },
  )
  server.post(
    '/galerne/v1/prices',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Set a price',
        description:
          'It holds from its date on, until one with a later date. Costs that are accounted already change by repricing only.',
        body: SetPriceRequest,
        response: { 200: PriceObject },
      },
    },
    async (request) => {
      const price = priceOfBody(request.body, prices, request.exchange.clock.now())
      return await keep(parts, request, price)
    },
  )
  server.delete(
    '/galerne/v1/prices/:id',
    {
      config: writing,
      schema: { tags, summary: 'Take a price back; requests that it priced keep it', response: { 200: PriceObject } },
    },
    async (request) => {
      const { id } = request.params as { id: string }
      const price = await acts.run(actorOf(request), async (transaction, note) => {
        const withdrawn = await withdrawPrice(transaction, id)
        if (withdrawn === undefined) return undefined
        await prices.changed(transaction)
        note({ action: 'price.deleted', target: { kind: 'price', id }, details: { model: withdrawn.model } })
        return withdrawn
      })
      if (price === undefined) throw fail('not_found', { what: 'price', id: id.slice(0, 100), param: 'id' })
      await prices.refresh()
      return priceObject(price)
    },
  )
  registerMachine(server, parts)
  registerRates(server, parts)
}

type ActingRequest = Parameters<typeof actorOf>[0]

async function keep({ prices, acts }: PriceRoutes, request: ActingRequest, price: Price) {
  const { clock } = request.exchange
  await acts.run(actorOf(request), async (transaction, note) => {
    await setPrice(transaction, price, clock.now())
    await prices.changed(transaction)
    const { id, model, provider, currency, input, output } = price
    note({
      action: 'price.created',
      target: { kind: 'price', id },
      details: { model, provider, currency, input, output },
    })
  })
  await prices.refresh()
  return priceObject(price)
}

function priceOfBody(body: SetPriceRequest, { currency }: OpenPrices, now: number): Price {
  const rates = ({ input, cached, output }: { input: number; cached?: number | null; output: number }): Rates => ({
    input: perMillion(input),
    cached: perMillion(cached ?? input),
    output: perMillion(output),
  })
  const tiers = (body.tiers ?? []).map((tier) => ({ above: tier.above, ...rates(tier) }))
  const rising = tiers.every(({ above }, index) => above > (tiers[index - 1]?.above ?? 0))
  if (!rising) throw fail('invalid_value', { param: 'tiers', reason: 'their "above" must rise' })
  return identified({
    provider: body.provider ?? localProvider,
    model: body.model,
    currency: body.currency ?? currency,
    from: body.from == null ? null : readTime(body.from, 'from'),
    ...rates(body),
    tiers,
    source: body.source ?? 'set by the operator',
    sourcedOn: today(now),
  })
}

function registerMachine(server: Server, parts: PriceRoutes): void {
  server.post(
    '/galerne/v1/prices/from-machine',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Price a model by what its machine costs',
        description:
          'Hardware and electricity per hour over the tokens made in one. Throughput that is not given is measured: the most tokens that ' +
          'were read, and written, in one minute of the last 30 days.',
        body: MachinePriceRequest,
        response: { 200: PriceObject },
      },
    },
    async (request) => {
      const { body, exchange } = request
      const now = exchange.clock.now()
      const speed = await throughput(parts, body, now)
      const cost = machineCost({
        hardwarePerHour: body.hardware_per_hour,
        watts: body.watts,
        electricityPerKwh: body.electricity_per_kwh,
        inputTokensPerSecond: speed.input,
        outputTokensPerSecond: speed.output,
      })
      demandPrice(cost, body.model)
      const source =
        `machine: ${body.hardware_per_hour} an hour, ${body.watts} W at ${body.electricity_per_kwh} a kWh, ` +
        `${round(speed.input)} tokens/s in, ${round(speed.output)} out (${speed.how})`
      const { model, currency, from } = body
      const set = { model, ...cost, source, ...(currency !== undefined && { currency }), ...(from != null && { from }) }
      const price = priceOfBody(set, parts.prices, now)
      return body.plan === true ? priceObject(price) : await keep(parts, request, price)
    },
  )
}

/** As in a price that is set by hand, money per million tokens. */
const dearest = 1_000_000

/** Throws `invalid_value` for a machine so dear or so slow that no price can say it. */
function demandPrice({ input, output }: { readonly input: number; readonly output: number }, model: string): void {
  if (input <= dearest && output <= dearest) return
  const param = input > dearest ? 'input_tokens_per_second' : 'output_tokens_per_second'
  const reason = `a million tokens of ${model} would cost ${Math.round(Math.max(input, output))}, and at most ${dearest} are a price`
  throw fail('invalid_value', { param, reason })
}

async function throughput({ measured }: PriceRoutes, body: MachinePriceRequest, now: number) {
  const { input_tokens_per_second: input, output_tokens_per_second: output } = body
  if (input != null && output != null) return { input, output, how: 'given' }
  const found = await measured(body.model, now)
  const [reading, writing] = [input ?? found?.input ?? 0, output ?? found?.output ?? 0]
  if (reading > 0 && writing > 0) return { input: reading, output: writing, how: 'measured' }
  const param = reading > 0 ? 'output_tokens_per_second' : 'input_tokens_per_second'
  throw fail('invalid_value', {
    param,
    reason: `"${body.model}" has not been called in the last 30 days: give its throughput`,
  })
}

const round = (value: number) => Math.round(value * 10) / 10

function registerRates(server: Server, { prices, acts }: PriceRoutes): void {
  server.get(
    '/galerne/v1/exchange-rates',
    {
      config: reading,
      schema: { tags, summary: 'Exchange rates', querystring: ListQuery, response: { 200: RateList } },
    },
    async ({ query: asked }) =>
      pageOf((await readOperator(acts.database.query)).rates.map(rateObject), readPaging(asked)),
  )
  server.post(
    '/galerne/v1/exchange-rates',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Set an exchange rate from a date on',
        description:
          'It turns what a vendor lists in one currency alone into the currency that costs are accounted in.',
        body: SetRateRequest,
        response: { 200: RateObject },
      },
    },
    async (request) => {
      const { body, exchange } = request
      const { clock } = exchange
      const microEurPerUsd = Math.round(body.eur_per_usd * 1_000_000)
      // 0.9 is no multiple of 0.000001 to a machine that counts in halves.
      if (microEurPerUsd / 1_000_000 !== body.eur_per_usd) {
        throw fail('invalid_value', { param: 'eur_per_usd', reason: 'it may have six digits after the point' })
      }
      const from = readTime(body.from, 'from')
      const rate = { id: newId('rate', clock), from, microEurPerUsd, source: body.source }
      await acts.run(actorOf(request), async (transaction, note) => {
        await setRate(transaction, rate, clock.now())
        await prices.changed(transaction)
        const details = { from: body.from, micro_eur_per_usd: microEurPerUsd }
        note({ action: 'exchange_rate.created', target: { kind: 'exchange_rate', id: rate.id }, details })
      })
      await prices.refresh()
      return rateObject(rate)
    },
  )
}

const today = (now: number) => new Date(now).toISOString().slice(0, 10)

/** A price as the API shows it. */
function priceObject(price: Price): Static<typeof PriceObject> {
  const { id, provider, model, currency, from, source, sourcedOn } = price
  const amounts = ({ input, cached, output }: Rates) => ({
    input: decimal(input, 9),
    cached: decimal(cached, 9),
    output: decimal(output, 9),
  })
  return {
    ...{ id, object: 'price', provider, model, currency, source, sourced_on: sourcedOn },
    from: from === null ? null : new Date(from).toISOString(),
    ...amounts(price),
    tiers: price.tiers.map((tier) => ({ above: tier.above, ...amounts(tier) })),
  }
}

function rateObject({ id, from, microEurPerUsd, source }: ExchangeRate): Static<typeof RateObject> {
  const rate = decimal(microEurPerUsd, 6)
  return { id, object: 'exchange_rate', from: new Date(from).toISOString(), eur_per_usd: rate, source }
}
