// The last failures of a key: calls that broke off, as usage has them, and requests that were refused before any model was called.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../database/tables.ts'
import type { Caller } from '../../wire/exchange.ts'
import { seconds } from '../../wire/times.ts'
import { listCalls } from '../usage/calls.ts'

/** One failure as the API shows it. */
export interface LastError {
  readonly request_id: string
  /** Seconds since 1970. */
  readonly at: number
  readonly model: string | null
  readonly operation: string
  /** Code of the error. */
  readonly code: string
}

const shown = 10

/** The newest first; each request once. */
export async function lastErrors(query: Kysely<Tables>, caller: Caller): Promise<LastError[]> {
  const errors = new Map<string, LastError & { readonly ms: number }>()
  for (const error of [...(await failures(query, caller)), ...(await refusals(query, caller))]) {
    if (!errors.has(error.request_id)) errors.set(error.request_id, error)
  }
  const newest = [...errors.values()].sort((one, other) => other.ms - one.ms).slice(0, shown)
  return newest.map(({ ms, ...error }) => error)
}

async function failures(query: Kysely<Tables>, { id, workspace }: Caller) {
  const calls = await listCalls(query, { workspaces: [workspace], keys: [id], failed: true, limit: shown })
  return calls.map(({ request_id, at, model, operation, status }) => ({
    ...{ request_id, at: seconds(at), model, operation, code: status, ms: at },
  }))
}

/** Names of the operations of spans, where usage has another one. */
const operations: Readonly<Record<string, string>> = {
  text_completion: 'complete',
  embeddings: 'embed',
  rerank: 'rank',
}

async function refusals(query: Kysely<Tables>, { id, workspace }: Caller) {
  const spans = await query
    .selectFrom('spans')
    .select(['started_at', 'request_model', 'operation', 'error_type', 'attributes'])
    .where('workspace', '=', workspace)
    .where('key_id', '=', id)
    // As the index has it.
    .where(sql<boolean>`kind = 'server' and state = 'error' and source = 'galerne'`)
    .orderBy('started_at', 'desc')
    .limit(shown)
    .execute()
  return spans.map(({ started_at, request_model, operation, error_type, attributes }) => {
    const facts = JSON.parse(attributes) as Readonly<Record<string, unknown>>
    const ms = started_at / 1000
    return {
      ...{ request_id: String(facts['galerne.request.id'] ?? ''), at: seconds(ms), model: request_model, ms },
      ...{ operation: operations[operation ?? ''] ?? operation ?? '', code: error_type ?? '' },
    }
  })
}
