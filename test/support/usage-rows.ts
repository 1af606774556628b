// Usage rows for tests, made up and alike but for what a test says.
import { createLog } from '../../src/base/log.ts'
import type { Database } from '../../src/database/connect.ts'
import type { Price } from '../../src/features/prices/price.ts'
import { identified } from '../../src/features/prices/row-id.ts'
import type { UsageRow } from '../../src/features/usage/row.ts'
import { createUsageWriter } from '../../src/features/usage/writer.ts'

/** Two seconds before a minute, an hour and a day end. */
export const rowsStart = Date.parse('2026-11-23T23:59:58Z')

/** 1 USD in, 0.10 cached, 2 out. */
export const rowsPrice: Price = identified({
  ...{ provider: 'local', model: 'tiny', currency: 'USD', from: null, tiers: [] },
  ...{ input: 1_000_000_000, cached: 100_000_000, output: 2_000_000_000, source: 'test', sourcedOn: '2026-11-23' },
})

let made = 0

/** A call of 10 prompt tokens, 4 of them cached, and 5 more. */
export function usageRow(facts: Partial<UsageRow> = {}): UsageRow {
  const id = facts.id ?? `call_${String(++made).padStart(8, '0')}`
  return {
    ...{
      id,
      requestId: `request of ${id}`,
      at: rowsStart,
      workspace: 'default',
      key: 'key_1',
      member: null,
      endUser: null,
    },
    ...{ operation: 'chat', class: 'interactive', model: 'tiny', provider: 'local', digest: 'd1', ranOn: 'tiny@1' },
    ...{ promptTokens: 10, cachedTokens: 4, completionTokens: 5, reasoningTokens: 0 },
    ...{ price: rowsPrice, currency: 'USD', cost: 16_400, queueMs: 1, firstTokenMs: 20, durationMs: 50 },
    ...{ status: 'ok', finishReason: 'stop', estimated: false },
    ...facts,
  }
}

/** Writes rows as the server does. */
export async function writeRows(
  database: Pick<Database, 'query' | 'dialect'>,
  rows: readonly UsageRow[],
): Promise<void> {
  const writer = createUsageWriter({ database, log: createLog({ level: 'silent' }) })
  for (const row of rows) writer.admit().record({ row })
  await writer.stop()
}
