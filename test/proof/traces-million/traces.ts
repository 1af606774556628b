// Traces that are always the same: calls of this server over 30 days, one in ten of them part of an application's tree. Writes them in bulk.
import { sql } from 'kysely'
import { connect, type Database, withDatabase } from '../../../src/database/connect.ts'
import { insertMany } from '../../../src/database/insert-many.ts'
import { type OwnedSpan, rowsOf } from '../../../src/features/traces/rows.ts'
import { sumTrace } from '../../../src/features/traces/sum.ts'
import type { Attributes, Span } from '../../../src/telemetry/span.ts'

const dayMicroseconds = 86_400_000_000
export const days = 30
export const workspace = 'default'
export const users = 5_000
export const models = 8
/** Traces of one transaction. */
const batchSize = 2_000

/** A small generator of numbers that are always the same. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Ids without an order, as real ones are. */
export function traceIdOf(index: number): string {
  const mixed = Math.imul(index + 1, 0x9e3779b1) >>> 0
  return mixed.toString(16).padStart(8, '0') + index.toString(16).padStart(24, '0')
}

const spanIdOf = (index: number, number: number) => (index * 16 + number + 1).toString(16).padStart(16, '0')

interface Place {
  readonly index: number
  readonly number: number
  readonly parent: string | null
  readonly startedAt: number
  readonly duration: number
}

function spanAt({ index, number, parent, startedAt, duration }: Place, rest: Partial<Span>): OwnedSpan {
  const ours = rest.resource === undefined
  const span: Span = {
    traceId: traceIdOf(index),
    spanId: spanIdOf(index, number),
    parentSpanId: parent,
    startedAt,
    endedAt: startedAt + duration,
    ...{ traceState: '', name: '', kind: 'internal', state: 'unset', stateMessage: '', attributes: {}, events: [] },
    resource: { 'service.name': 'galerne' },
    scope: { name: 'galerne', version: '' },
    ...rest,
  }
  const own = { workspace, key: `key_${index % 100}`, source: ours ? 'galerne' : 'otlp', keepsContent: false } as const
  return { ...own, span, ...(ours && parent === null && { cost: { amount: duration, currency: 'EUR' } }) }
}

/** The spans of one trace. One in 100 failed; one in 20,000 took minutes; three names, tags and users in a million are rare. */
function treeOf(index: number, count: number, end: number, draw: (below: number) => number): OwnedSpan[] {
  const startedAt = end - days * dayMicroseconds + Math.floor((index / count) * days * dayMicroseconds)
  const duration = 20_000 + draw(100) ** 3 * 10 + (index % 20_000 === 11 ? 300_000_000 : 0)
  const rare = index % Math.ceil(count / 3) === 5
  const failed = draw(100) === 0
  const model = `model-${draw(models)}`
  const attributes: Attributes = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': rare ? 'model-rare' : model,
    'gen_ai.response.model': rare ? 'model-rare' : model,
    'gen_ai.response.id': traceIdOf(index),
    'gen_ai.usage.input_tokens': 20 + draw(4_000),
    'gen_ai.usage.output_tokens': 1 + draw(800),
    'gen_ai.usage.cache_read.input_tokens': draw(20),
    'gen_ai.request.temperature': 0.7,
    'gen_ai.response.time_to_first_chunk': draw(900) / 1_000,
    'user.id': rare ? 'user-rare' : `user-${draw(users)}`,
    'gen_ai.conversation.id': `session-${draw(200_000)}`,
    'galerne.tags': [draw(2) === 0 ? 'web' : 'app', ...(draw(50) === 0 ? ['beta'] : []), ...(rare ? ['incident'] : [])],
    'galerne.key.id': `key_${index % 100}`,
    'galerne.ran_on': `${model}@llama.cpp-v0.5.0`,
  }
  const call = { name: `chat ${model}`, kind: 'server', state: failed ? 'error' : 'ok', attributes } as const
  if (index % 10 !== 3) return [spanAt({ index, number: 0, parent: null, startedAt, duration }, call)]
  const resource = { 'service.name': `app-${index % 7}` }
  const root = spanIdOf(index, 0)
  const place = { index, parent: root, startedAt }
  const name = rare ? 'nightly reconciliation' : `POST /answers/${index % 300}`
  return [
    spanAt({ ...place, number: 0, parent: null, duration: duration + 9_000 }, { name, kind: 'server', resource }),
    spanAt(
      { ...place, number: 1, duration: 4_000 },
      { name: 'retrieval docs', resource, attributes: { 'gen_ai.operation.name': 'retrieval' } },
    ),
    spanAt(
      { ...place, number: 2, duration: 3_000 },
      {
        name: 'execute_tool search',
        resource,
        attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search' },
      },
    ),
    spanAt({ ...place, number: 3, startedAt: startedAt + 8_000, duration }, call),
  ]
}

/** Writes that many traces up to the time (microseconds since 1970) in bulk; gives how many spans they are. */
export async function fill(url: string, count: number, end: number): Promise<number> {
  const database = await connect(url)
  const { query, dialect } = database
  const rebuild = await inBulk(database)
  const draw = numbers(11)
  let spans = 0
  for (let from = 0; from < count; from += batchSize) {
    const trees = Array.from({ length: Math.min(batchSize, count - from) }, (_, index) =>
      treeOf(from + index, count, end, draw).map((owned) => rowsOf(owned).span),
    )
    await query.transaction().execute(async (transaction) => {
      const insert = (table: 'spans' | 'traces' | 'trace_tags', rows: readonly object[]) =>
        insertMany(transaction, dialect, { table, columns: Object.keys(rows[0] ?? {}) as never[] }, rows as never[])
      const sums = trees.map(sumTrace)
      await insert('spans', trees.flat())
      await insert('traces', sums)
      const tagged = sums.flatMap(({ workspace, started_at, trace_id, tags }) =>
        (JSON.parse(tags) as string[]).map((tag) => ({ workspace, tag, started_at, trace_id })),
      )
      await insert('trace_tags', tagged)
    })
    spans += trees.flat().length
  }
  await rebuild()
  await database.close()
  return spans
}

/** Takes the indexes away, which are built again in one go at the end, as whoever loads a database does. */
async function inBulk({ query, dialect, url }: Database): Promise<() => Promise<void>> {
  if (dialect.name === 'sqlite') {
    for (const name of ['synchronous = off', 'cache_size = -1000000', 'wal_autocheckpoint = 50000'] as const)
      await sql.raw(`pragma ${name}`).execute(query)
  }
  const { rows } = await (dialect.name === 'sqlite'
    ? sql<Index>`select name, sql as definition from sqlite_master
        where type = 'index' and sql is not null and tbl_name in ('traces', 'spans', 'trace_tags')`
    : sql<Index>`select indexname as name, indexdef as definition from pg_indexes
        where schemaname = current_schema() and tablename in ('traces', 'spans', 'trace_tags') and indexname not like '%\\_key'`
  ).execute(query)
  for (const { name } of rows) await sql`drop index ${sql.ref(name)}`.execute(query)
  return () =>
    withDatabase(url, async (unbounded) => {
      if (dialect.name === 'postgres') await sql`set maintenance_work_mem = '512MB'`.execute(unbounded.query)
      for (const { definition } of rows) await sql.raw(definition).execute(unbounded.query)
    })
}

interface Index {
  readonly name: string
  readonly definition: string
}
