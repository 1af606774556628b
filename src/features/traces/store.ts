// Traces and their spans in the database. A batch of spans and the traces they change are one transaction.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/connect.ts'
import { forUpdate } from '../../database/dialect.ts'
import { insertMany } from '../../database/insert-many.ts'
import type { Row, Tables } from '../../database/tables.ts'
import { contentsOfCalls } from './call-content.ts'
import { phaseRows } from './phases.ts'
import type { SpanRows } from './rows.ts'
import { type SummedSpan, sumTrace } from './sum.ts'

/** A trace with all its spans, in the order they began. */
export interface WholeTrace {
  readonly trace: Row<'traces'>
  readonly spans: readonly Row<'spans'>[]
  /** Content by span id, where it is kept. */
  readonly contents: ReadonlyMap<string, string>
}

/** The queries on the tables of traces. */
export interface TraceStore {
  /** Writes spans; one that is there already changes nothing. Returns how many were new. */
  append(rows: readonly SpanRows[]): Promise<number>
  /** A trace of the workspace, by its id or by that of a request that is part of it; undefined where there is none. */
  whole(workspace: string, id: string): Promise<WholeTrace | undefined>
  /** Removes traces that began before the time (microseconds), `limit` at most; returns how many. */
  removeTraces(workspace: string, before: number, limit: number): Promise<number>
  /** Removes what was said before the time, and leaves the spans. */
  removeContents(workspace: string, before: number, limit: number): Promise<number>
}

/** Columns that a sum needs: without the long texts. */
const summed = [
  ...([
    'workspace',
    'trace_id',
    'span_id',
    'parent_span_id',
    'name',
    'kind',
    'started_at',
    'duration',
    'state',
  ] as const),
  ...(['source', 'service', 'environment', 'operation', 'provider', 'request_model', 'response_model'] as const),
  ...(['response_id', 'conversation', 'user_name', 'key_id', 'tool_name', 'error_type', 'input_tokens'] as const),
  ...(['output_tokens', 'cached_tokens', 'cache_write_tokens', 'cost', 'currency', 'attributes'] as const),
] satisfies readonly (keyof SummedSpan)[]

const spanInsertion = {
  table: 'spans',
  columns: [
    ...summed,
    ...(['state_message', 'trace_state', 'resource', 'events', 'scope_name', 'scope_version'] as const),
  ],
  rest: 'on conflict (workspace, trace_id, span_id) do nothing returning workspace, trace_id, span_id',
} as const

const contentInsertion = {
  table: 'span_contents',
  columns: ['workspace', 'trace_id', 'span_id', 'started_at', 'content'],
  rest: 'on conflict do nothing',
} as const

const tagInsertion = {
  table: 'trace_tags',
  columns: ['workspace', 'tag', 'started_at', 'trace_id'],
  rest: 'on conflict do nothing',
} as const

/** Traces of one statement. */
const tracesAtOnce = 400

/** A caller that sends `traceparent` names the trace: requests of it have ids of their own. */
async function findTrace(query: Kysely<Tables>, workspace: string, id: string): Promise<Row<'traces'> | undefined> {
  const traces = query.selectFrom('traces').selectAll().where('workspace', '=', workspace)
  const named = await traces.where('trace_id', '=', id).executeTakeFirst()
  if (named !== undefined) return named
  const span = await query
    .selectFrom('spans')
    .select('trace_id')
    .where('workspace', '=', workspace)
    .where('response_id', '=', id)
    .executeTakeFirst()
  return span && (await traces.where('trace_id', '=', span.trace_id).executeTakeFirst())
}

/** The store over an open database. */
export function traceStore({ query, dialect }: Pick<Database, 'query' | 'dialect'>): TraceStore {
  return {
    append: (rows) => append({ query, dialect }, rows),
    async whole(workspace, id) {
      const trace = await findTrace(query, workspace, id)
      if (trace === undefined) return undefined
      const { trace_id: traceId } = trace
      const spans = await query
        .selectFrom('spans')
        .selectAll()
        .where('workspace', '=', workspace)
        .where('trace_id', '=', traceId)
        .execute()
      const all = [...spans, ...spans.flatMap(phaseRows)].sort(byBeginning)
      const contents = await query
        .selectFrom('span_contents')
        .select(['span_id', 'content'])
        .where('workspace', '=', workspace)
        .where('trace_id', '=', traceId)
        .execute()
      const own = await contentsOfCalls(query, workspace, spans)
      return {
        trace,
        spans: all,
        contents: new Map([...own, ...contents.map((row) => [row.span_id, row.content] as const)]),
      }
    },
    async removeTraces(workspace, before, limit) {
      const old = await query
        .selectFrom('traces')
        .select('trace_id')
        .where('workspace', '=', workspace)
        .where('started_at', '<', before)
        .orderBy('started_at')
        .limit(limit)
        .execute()
      const ids = old.map((row) => row.trace_id)
      if (ids.length === 0) return 0
      await query.transaction().execute(async (transaction) => {
        const answers = transaction
          .selectFrom('spans')
          .select('response_id')
          .where('workspace', '=', workspace)
          .where('trace_id', 'in', ids)
          .where('response_id', 'is not', null)
        await transaction
          .deleteFrom('feedback')
          .where('workspace', '=', workspace)
          .where('response_id', 'in', answers)
          .execute()
        for (const table of ['span_contents', 'spans', 'trace_tags', 'traces'] as const) {
          await transaction.deleteFrom(table).where('workspace', '=', workspace).where('trace_id', 'in', ids).execute()
        }
      })
      return ids.length
    },
    async removeContents(workspace, before, limit) {
      const old = await query
        .selectFrom('span_contents')
        .select(['trace_id', 'span_id'])
        .where('workspace', '=', workspace)
        .where('started_at', '<', before)
        .limit(limit)
        .execute()
      for (const { trace_id, span_id } of old) {
        await query
          .deleteFrom('span_contents')
          .where('workspace', '=', workspace)
          .where('trace_id', '=', trace_id)
          .where('span_id', '=', span_id)
          .execute()
      }
      return old.length
    },
  }
}

async function append(
  { query, dialect }: Pick<Database, 'query' | 'dialect'>,
  rows: readonly SpanRows[],
): Promise<number> {
  if (rows.length === 0) return 0
  // The same order everywhere, so that two nodes that write the same traces wait for each other and never in a circle.
  const ordered = [...rows].sort((one, other) => (keyOf(one.span) < keyOf(other.span) ? -1 : 1))
  return await query.transaction().execute(async (transaction) => {
    const inserted = await insertMany<'spans', Key>(
      transaction,
      dialect,
      spanInsertion,
      ordered.map(({ span }) => ({ ...span })),
    )
    const keys = new Set(inserted.map(keyOf))
    const fresh = ordered.map(({ span }) => span).filter((span) => keys.delete(keyOf(span)))
    const contents = ordered.map(({ content }) => content).filter((content) => content !== undefined)
    await insertMany(
      transaction,
      dialect,
      contentInsertion,
      contents.map((content) => ({ ...content })),
    )
    for (const [workspace, spans] of Map.groupBy(fresh, (span) => span.workspace)) {
      await sum(transaction, dialect, workspace, spans)
    }
    return fresh.length
  })
}

/** Writes the rows of the traces that the new spans belong to. */
async function sum(
  transaction: Database['query'],
  dialect: Database['dialect'],
  workspace: string,
  fresh: readonly Row<'spans'>[],
): Promise<void> {
  const sums = new Map([...Map.groupBy(fresh, (span) => span.trace_id)].map(([id, spans]) => [id, sumTrace(spans)]))
  // Where another node writes the same trace just now, this waits for it, and then the trace is a known one.
  const made = await insertMany<'traces', Pick<Row<'traces'>, 'trace_id'>>(
    transaction,
    dialect,
    traceInsertion,
    [...sums.values()].map((row) => ({ ...row })),
  )
  const fresher = made.map(({ trace_id }) => sums.get(trace_id)).filter((row) => row !== undefined)
  await insertTags(transaction, dialect, fresher)
  for (const { trace_id } of made) sums.delete(trace_id)
  for (const part of parts([...sums.keys()])) await sumAgain(transaction, dialect, workspace, part)
}

async function insertTags(
  transaction: Database['query'],
  dialect: Database['dialect'],
  traces: readonly Row<'traces'>[],
): Promise<void> {
  const rows = traces.flatMap(({ workspace, trace_id, started_at, tags }) =>
    tags === '[]' ? [] : (JSON.parse(tags) as string[]).map((tag) => ({ workspace, tag, started_at, trace_id })),
  )
  await insertMany(transaction, dialect, tagInsertion, rows)
}

/** Traces that were there before: summed over all their spans, while nobody else can. */
async function sumAgain(
  transaction: Database['query'],
  dialect: Database['dialect'],
  workspace: string,
  ids: readonly string[],
): Promise<void> {
  const rows = transaction
    .selectFrom('traces')
    .select('trace_id')
    .where('workspace', '=', workspace)
    .where('trace_id', 'in', ids)
    .orderBy('trace_id')
  await forUpdate(dialect, rows).execute()
  const spans = await transaction
    .selectFrom('spans')
    .select([...summed])
    .where('workspace', '=', workspace)
    .where('trace_id', 'in', ids)
    .execute()
  const sums = [...Map.groupBy(spans, (span) => span.trace_id).values()].map(sumTrace)
  await transaction.deleteFrom('trace_tags').where('workspace', '=', workspace).where('trace_id', 'in', ids).execute()
  await insertTags(transaction, dialect, sums)
  await transaction
    .insertInto('traces')
    .values(sums)
    .onConflict((conflict) =>
      conflict.columns(['workspace', 'trace_id']).doUpdateSet(({ ref }) => replaced((name) => ref(`excluded.${name}`))),
    )
    .execute()
}

const changing = [
  ...(['root_span_id', 'name', 'service', 'environment', 'started_at', 'ended_at', 'duration', 'state'] as const),
  ...(['error_count', 'span_count', 'gen_ai_count', 'model_calls', 'tool_calls', 'retrievals'] as const),
  ...(['input_tokens', 'output_tokens', 'cached_tokens', 'cache_write_tokens', 'cost', 'currency'] as const),
  ...(['model', 'models', 'tools', 'tags', 'conversation', 'user_name', 'key_id'] as const),
]

const traceInsertion = {
  table: 'traces',
  columns: ['workspace', 'trace_id', ...changing],
  rest: 'on conflict (workspace, trace_id) do nothing returning trace_id',
} as const

function replaced<Reference>(read: (name: (typeof changing)[number]) => Reference) {
  return Object.fromEntries(changing.map((name) => [name, read(name)]))
}

/** A parent begins with its first child, and goes before it. */
function byBeginning(one: Row<'spans'>, other: Row<'spans'>): number {
  return one.started_at - other.started_at || other.duration - one.duration || (one.span_id < other.span_id ? -1 : 1)
}

type Key = Pick<Row<'spans'>, 'workspace' | 'trace_id' | 'span_id'>

function keyOf({ workspace, trace_id, span_id }: Key): string {
  return `${workspace}/${trace_id}/${span_id}`
}

function* parts<Item>(items: readonly Item[]): Generator<Item[], void> {
  for (let from = 0; from < items.length; from += tracesAtOnce) yield items.slice(from, from + tracesAtOnce)
}
