// Mistral's report of a month: tokens per model and day, and the prices that hold. Route and wording of GET /v1/admin/usage.
import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import type { Tables } from '../../database/tables.ts'
import { type MonthEntry, MonthQuery, MonthUsage } from '../../wire/admin-usage.ts'
import type { Server } from '../../wire/exchange.ts'
import { localProvider, type Prices } from '../prices/book.ts'
import { decimal, type Price } from '../prices/price.ts'
import { reachWithin } from './reach.ts'
import { sumUsage, type UsageSum } from './report.ts'

/** Adds the route. */
export function registerMonthUsage(
  server: Server,
  { query: database, prices }: { readonly query: Kysely<Tables>; readonly prices: Prices },
): void {
  server.get(
    '/v1/admin/usage',
    {
      config: { permission: 'usage.read' },
      schema: {
        tags: ['usage'],
        summary: "A month's usage by model, and prices",
        querystring: MonthQuery,
        response: { 200: MonthUsage },
      },
    },
    async ({ query, exchange }) => {
      const now = exchange.clock.now()
      const { from, to } = monthOf(query, now)
      const workspaces = reachWithin(
        exchange.caller,
        query.workspace_id === undefined ? undefined : [query.workspace_id],
      )
      const here = query.api_zone === undefined || query.api_zone === 'global'
      const sums = await sumUsage(database, {
        ...{ width: 'day', from, to: here ? to : from, byTime: true, groupBy: ['model', 'provider', 'operation'] },
        ...(workspaces !== undefined && { workspaces }),
        amounts: ['promptTokens', 'cachedTokens', 'completionTokens'],
      })
      return monthUsage(sums, prices, { from, to, now })
    },
  )
}

/** The month in UTC; the present one where the query names none. */
function monthOf(query: { month?: string; year?: string }, now: number): { from: number; to: number } {
  const present = new Date(now)
  const year = query.year === undefined ? present.getUTCFullYear() : Number(query.year)
  const month = query.month === undefined ? present.getUTCMonth() : Number(query.month) - 1
  const from = Date.UTC(year, month)
  if (from > now) throw fail('invalid_value', { param: 'month', reason: 'it has not begun' })
  return { from, to: Date.UTC(year, month + 1) }
}

type Models = Record<string, Record<string, MonthEntry[]>>

interface Span {
  readonly from: number
  readonly to: number
  readonly now: number
}

function monthUsage(sums: readonly UsageSum[], prices: Prices, { from, to, now }: Span) {
  const models: Models = {}
  for (const sum of sums) addEntries(models, sum)
  const none = { models: {} }
  const month = (time: number) => new Date(time).toISOString().slice(0, 7)
  return {
    completion: { models },
    ...{ ocr: none, connectors: none, audio: none, audio_characters: none, chat: none },
    libraries_api: { pages: none, tokens: none, audio_seconds: none },
    fine_tuning: { training: {}, storage: {} },
    vibe_usage: 0,
    vibe_code: { completion: none, ocr: none, connectors: none, audio: none, audio_characters: none },
    date: new Date(Math.min(now, to - 1)).toISOString(),
    previous_month: month(from - 1),
    next_month: to > now ? null : month(to),
    start_date: new Date(from).toISOString(),
    end_date: new Date(to - 1000).toISOString(),
    currency: prices.currency,
    currency_symbol: prices.currency === 'EUR' ? '€' : '$',
    prices: pricesOf(sums, prices, Math.min(now, to - 1)),
  }
}

/** Cached tokens are an entry of their own, apart from input. */
function addEntries(models: Models, sum: UsageSum): void {
  const model = sum.group.model ?? ''
  const groups = {
    input: sum.promptTokens - sum.cachedTokens,
    cached: sum.cachedTokens,
    output: sum.completionTokens,
  } as const
  models[model] ??= {}
  for (const [group, value] of Object.entries(groups) as ['input' | 'cached' | 'output', number][]) {
    if (value === 0) continue
    models[model][group] ??= []
    const entries = models[model][group]
    const timestamp = new Date(sum.start ?? 0).toISOString().slice(0, 10)
    const known = entries.find((entry) => entry.timestamp === timestamp)
    if (known !== undefined) {
      known.value += value
      known.value_paid += value
      continue
    }
    const named = { usage_type: 'completion', event_type: 'api_tokens', billing_metric: model } as const
    entries.push({ ...named, billing_display_name: model, billing_group: group, timestamp, value, value_paid: value })
  }
}

function pricesOf(sums: readonly UsageSum[], prices: Prices, at: number) {
  const called = new Map(sums.map(({ group }) => [`${group.provider}\n${group.model}`, group]))
  return [...called.values()].flatMap(({ model, provider }) => {
    const priced = provider === localProvider || provider == null ? {} : { provider }
    const price = prices.priceOf({ name: model ?? '', ...priced }, at)
    return price === undefined ? [] : priceEntries(price)
  })
}

function priceEntries(price: Price) {
  const groups = ['input', 'cached', 'output'] as const
  return groups.map((group) => ({
    event_type: 'api_tokens' as const,
    billing_metric: price.model,
    billing_group: group,
    api_zone: 'global' as const,
    service_tier: 'standard' as const,
    // Nano-units per million tokens: fifteen decimals for one token.
    price: decimal(price[group], 15),
  }))
}
