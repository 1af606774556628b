// Both vendors' ways through a list: Mistral's pages, OpenAI's cursors. One query, one answer that serves both. Knows no list.
import { type Static, type TSchema, Type } from 'typebox'
import { fail } from '../base/errors.ts'
import { nullable, searchText } from './fields.ts'

const digits = Type.String({ pattern: '^\\d{1,9}$' })

/** Query fields of a list. A query holds text alone, so numbers are checked by pattern. */
export const pagingFields = {
  page: Type.Optional(digits),
  page_size: Type.Optional(digits),
  /** Lists of models go on after a name or an address, which may be long. */
  after: Type.Optional(searchText(4_000)),
  limit: Type.Optional(digits),
}

/** The query of a list that goes by cursors alone. */
export const ListQuery = Type.Object({ after: pagingFields.after, limit: pagingFields.limit })

/** How much of a list is answered where nobody says, and at most. */
const usualSizes = { usual: 50, most: 100 }

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
export function readPaging(query: PagingQuery, limits: Readonly<typeof usualSizes> = usualSizes): Paging {
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

/** A page of a list, as both vendors' clients read it. */
export interface Page<Item> {
  readonly object: 'list'
  readonly data: Item[]
  readonly total?: number
  readonly has_more: boolean
  readonly first_id: string | null
  readonly last_id: string | null
}

/** A page: rows as read with one more than `limit`, which tells whether there is more. */
export function listObject<Item extends { readonly id: string }>(
  rows: readonly Item[],
  { limit }: Paging,
  total: number | undefined,
): Page<Item> {
  return { ...pageBy(rows, limit, ({ id }) => id), ...(total !== undefined && { total }) }
}

/** A page of a list that is there as a whole; `idOf`: by what it goes on, where items have no `id`. No two items may have the same. */
export function pageOf<Item extends { readonly id: string }>(items: readonly Item[], paging: Paging): Page<Item>
export function pageOf<Item>(items: readonly Item[], paging: Paging, idOf: (item: Item) => string): Page<Item>
export function pageOf<Item>(
  items: readonly Item[],
  { after, offset, limit }: Paging,
  idOf = (item: Item) => (item as { readonly id: string }).id,
): Page<Item> {
  const start = after === undefined ? 0 : items.findIndex((item) => idOf(item) === after) + 1
  if (after !== undefined && start === 0) {
    throw fail('invalid_value', { param: 'after', reason: 'this list has no such id' })
  }
  const from = start + offset
  return pageBy(items.slice(from, from + limit + 1), limit, idOf)
}

function pageBy<Item>(rows: readonly Item[], limit: number, idOf: (item: Item) => string): Page<Item> {
  const data = rows.slice(0, limit)
  const [first, last] = [data[0], data.at(-1)]
  return {
    object: 'list',
    data,
    has_more: rows.length > limit,
    first_id: first === undefined ? null : idOf(first),
    last_id: last === undefined ? null : idOf(last),
  }
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
