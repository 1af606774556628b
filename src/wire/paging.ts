// Both vendors' ways through a list: Mistral's pages, OpenAI's cursors. One query, one answer that serves both. Knows no list.
import { type Static, type TSchema, Type } from 'typebox'
import { fail } from '../base/errors.ts'
import { idField, nullable } from './fields.ts'

const digits = Type.String({ pattern: '^\\d{1,9}$' })

/** Query fields of a list. A query holds text alone, so numbers are checked by pattern. */
export const pagingFields = {
  page: Type.Optional(digits),
  page_size: Type.Optional(digits),
  after: Type.Optional(idField),
  limit: Type.Optional(digits),
}

/** A place in a list and how much of it. */
export interface Paging {
  readonly limit: number
  /** Rows to pass over: Mistral's pages. */
  readonly offset: number
  /** Only what follows this id: OpenAI's cursors. */
  readonly after: string | undefined
}

type PagingQuery = { [Name in keyof typeof pagingFields]?: string | undefined }

/** Reads the paging of a query. Throws a 400 that names the field where it is out of range or of both kinds. */
export function readPaging(query: PagingQuery, limits: { readonly usual: number; readonly most: number }): Paging {
  const number = (name: keyof PagingQuery, least: number, most: number, fallback: number) => {
    const value = query[name] === undefined ? fallback : Number(query[name])
    if (value >= least && value <= most) return value
    throw fail('invalid_value', { param: name, reason: `it must be between ${least} and ${most}` })
  }
  if (query.after !== undefined && query.page !== undefined) {
    throw fail('invalid_value', { param: 'after', reason: 'it does not go with page: take one way of paging' })
  }
  const size = query.page_size === undefined ? 'limit' : 'page_size'
  const limit = number(size, 1, limits.most, limits.usual)
  return { limit, offset: number('page', 0, 100_000_000, 0) * limit, after: query.after }
}

/** The answer that both vendors' clients page through. */
export function listSchema<Item extends TSchema>(item: Item) {
  return Type.Object({
    object: Type.Literal('list'),
    data: Type.Array(item),
    total: Type.Optional(Type.Integer()),
    has_more: Type.Boolean(),
    first_id: nullable(Type.String()),
    last_id: nullable(Type.String()),
  })
}

/** A page: rows as read with one more than `limit`, which tells whether there is more. */
export function listObject<Item extends { readonly id: string }>(
  rows: readonly Item[],
  { limit }: Paging,
  total: number | undefined,
): {
  object: 'list'
  data: Item[]
  total?: number
  has_more: boolean
  first_id: string | null
  last_id: string | null
} {
  const data = rows.slice(0, limit)
  return {
    object: 'list',
    data,
    ...(total !== undefined && { total }),
    has_more: rows.length > limit,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  }
}

/** A page of a list that is there as a whole. */
export function pageOf<Item extends { readonly id: string }>(items: readonly Item[], paging: Paging) {
  const start = paging.after === undefined ? 0 : items.findIndex(({ id }) => id === paging.after) + 1
  if (paging.after !== undefined && start === 0) {
    throw fail('invalid_value', { param: 'after', reason: 'this list has no such id' })
  }
  const from = start + paging.offset
  return listObject(items.slice(from, from + paging.limit + 1), paging, undefined)
}

/** A query value that may be repeated, as a list. */
export function repeated<Item extends TSchema>(item: Item) {
  return Type.Optional(Type.Union([item, Type.Array(item)]))
}

/** `undefined`, one or several values as a list. */
export function asList<Value extends string>(value: Value | Value[] | undefined): readonly Value[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

/** The text of a truth value in a query. */
export const flag = Type.Enum(['true', 'false', 'True', 'False', '1', '0'])

/** Whether a flag is set; `fallback` where it is absent. */
export function isTrue(value: Static<typeof flag> | undefined, fallback = false): boolean {
  return value === undefined ? fallback : /^(true|1)$/i.test(value)
}
