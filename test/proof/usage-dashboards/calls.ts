// A million calls that are always the same, and a thread's way of writing them: through the writer's own transactions.
import { connect } from '../../../src/database/connect.ts'
import { costOf } from '../../../src/features/prices/price.ts'
import type { UsageRow } from '../../../src/features/usage/row.ts'
import { writeUsage } from '../../../src/features/usage/store.ts'
import { rowsPrice, usageRow } from '../../support/usage-rows.ts'

const day = 86_400_000
export const days = 30
export const keys = 100
export const workspaces = 10
export const models = 8
export const batchSize = 512

/** A small generator of numbers that are always the same. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Calls of 100 keys in 10 workspaces over 30 days: each key has a model it uses and another now and then, one key in ten does batches. */
function* calls(count: number, end: number): Generator<UsageRow> {
  const draw = numbers(7)
  for (let index = 0; index < count; index++) {
    const key = draw(keys)
    const model = (key + (draw(5) === 0 ? 1 : 0)) % models
    const [promptTokens, completionTokens] = [20 + draw(4000), 1 + draw(800)]
    const tokens = { promptTokens, cachedTokens: draw(promptTokens), completionTokens }
    const callClass = key % 10 === 0 && draw(2) === 0 ? 'batch' : 'interactive'
    yield usageRow({
      ...tokens,
      at: end - days * day + Math.floor((index / count) * days * day),
      workspace: `workspace-${key % workspaces}`,
      key: `key_${key}`,
      model: `model-${model}`,
      class: callClass,
      cost: costOf(rowsPrice, tokens, callClass),
      firstTokenMs: 20 + draw(500),
      durationMs: 50 + draw(9000),
      status: draw(200) === 0 ? 'engine_failed' : 'ok',
    })
  }
}

/** Writes them all; what they cost together, nano-units. */
export async function fill(url: string, count: number, end: number): Promise<bigint> {
  const database = await connect(url)
  let total = 0n
  let batch: { row: UsageRow }[] = []
  for (const row of calls(count, end)) {
    total += BigInt(row.cost)
    batch.push({ row })
    if (batch.length < batchSize) continue
    await writeUsage(database, batch)
    batch = []
  }
  if (batch.length > 0) await writeUsage(database, batch)
  await database.close()
  return total
}
