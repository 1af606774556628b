// A parsed search expression as a condition of a query. What a field is stands in `fields.ts`; what differs between databases, in the dialect.
import { type Expression as Condition, type ExpressionBuilder, type RawBuilder, type SqlBool, sql } from 'kysely'
import { fail } from '../../base/errors.ts'
import { type Dialect, jsonText, likeAnyCase, matches } from '../../database/dialect.ts'
import { linearPattern } from '../../database/linear-pattern.ts'
import type { Tables } from '../../database/tables.ts'
import type { Comparison, Expression, FieldReference, Operand } from './expression.ts'
import type { Field } from './fields.ts'

type Builder = ExpressionBuilder<Tables, 'traces' | 'spans'>
type Part = Condition<SqlBool>

/** What a filter is made with. */
export interface FilterParts {
  readonly fields: readonly Field[]
  readonly dialect: Dialect
  /** The query goes by time: no index of a condition is to be taken instead. */
  readonly byTime?: boolean
}

/** The condition; throws `invalid_value` for a field that is not there or a value that does not fit it. */
export function filterOf(expression: Expression, parts: FilterParts, builder: Builder): Part {
  switch (expression.type) {
    case 'and':
      return builder.and(expression.parts.map((part) => filterOf(part, parts, builder)))
    case 'or':
      return builder.or(expression.parts.map((part) => filterOf(part, parts, builder)))
    case 'not':
      // What is absent is not equal: `NOT (model = 'x')` finds traces without a model too.
      return sql<SqlBool>`not coalesce(${filterOf(expression.part, parts, builder)}, false)`
    default:
      return conditionOf(expression, parts, builder)
  }
}

type Leaf = Exclude<Expression, { readonly type: 'and' | 'or' | 'not' }>

function conditionOf(leaf: Leaf, parts: FilterParts, builder: Builder): Part {
  const field = fieldOf(leaf.field, parts.fields)
  const named = columnOf(field, leaf.field, parts.dialect)
  const column = parts.byTime === true ? asExpression(field, named) : named
  const value = (operand: Operand) => operandOf(field, leaf.field, operand)
  switch (leaf.type) {
    case 'exists':
      return field.type === 'TEXT' || field.type === 'ARRAY'
        ? sql<SqlBool>`(${column} is not null and ${column} not in ('', '[]'))`
        : sql<SqlBool>`${column} is not null`
    case 'between':
      return sql<SqlBool>`${column} between ${value(leaf.from)} and ${value(leaf.to)}`
    case 'in':
      return sql<SqlBool>`${column} in (${sql.join(leaf.values.map(value))})`
    case 'has': {
      const each = leaf.values.map(
        (item) => sql<SqlBool>`${column} like ${`%${likeText(JSON.stringify(String(item)))}%`} escape '!'`,
      )
      return leaf.all ? builder.and(each) : builder.or(each)
    }
    case 'compare':
      return comparisonOf(leaf.operator, column, value(leaf.value), parts.dialect)
  }
}

function comparisonOf(operator: Comparison, column: RawBuilder<unknown>, value: Operand, dialect: Dialect): Part {
  switch (operator) {
    case '=':
      return sql<SqlBool>`${column} = ${value}`
    case '!=':
      return sql<SqlBool>`(${column} is null or ${column} <> ${value})`
    case '<':
      return sql<SqlBool>`${column} < ${value}`
    case '<=':
      return sql<SqlBool>`${column} <= ${value}`
    case '>':
      return sql<SqlBool>`${column} > ${value}`
    case '>=':
      return sql<SqlBool>`${column} >= ${value}`
    case 'LIKE':
      return sql<SqlBool>`${column} like ${String(value)}`
    case 'ILIKE':
      return likeAnyCase(dialect, column, String(value))
    case 'CONTAINS':
      return sql<SqlBool>`${column} like ${`%${likeText(String(value))}%`} escape '!'`
    case 'REGEXP':
      return matches(dialect, column, checkedPattern(String(value)))
  }
}

function likeText(text: string): string {
  return text.replace(/[!%_]/g, '!$&')
}

/** Only patterns that run in linear time are taken: others could hold a database for hours. */
function checkedPattern(pattern: string): string {
  try {
    linearPattern(pattern)
    return pattern
  } catch (error) {
    throw fail('invalid_value', {
      param: 'search_expression',
      reason: `the pattern "${pattern.slice(0, 100)}" is refused: ${(error as Error).message}`,
    })
  }
}

function fieldOf({ name, key }: FieldReference, fields: readonly Field[]): Field {
  const field = fields.find((known) => known.name === name)
  if (field === undefined) {
    const names = fields.map((known) => known.name).join(', ')
    throw fail('invalid_value', {
      param: 'search_expression',
      reason: `there is no field "${name.slice(0, 100)}"; there are ${names}`,
    })
  }
  if ((field.type === 'MAP') !== (key !== undefined)) {
    const form = field.type === 'MAP' ? `${name}['attribute']` : name
    throw fail('invalid_value', { param: 'search_expression', reason: `"${name}" must be written as ${form}` })
  }
  return field
}

function columnOf(field: Field, { key }: FieldReference, dialect: Dialect): RawBuilder<unknown> {
  const column = sql.ref(field.column)
  return key === undefined ? column : jsonText(dialect, column, key)
}

/** The same value, but no column any more that an index or a statistic could be found for. */
function asExpression({ type }: Field, column: RawBuilder<unknown>): RawBuilder<unknown> {
  return type === 'INT' || type === 'FLOAT' || type === 'TIMESTAMP' ? sql`(${column} + 0)` : sql`(${column} || '')`
}

function operandOf(field: Field, reference: FieldReference, operand: Operand): Operand {
  // Attributes are compared as the text they are.
  if (reference.key !== undefined) return String(operand)
  const value = field.toColumn?.(operand) ?? operand
  const isNumber = field.type === 'INT' || field.type === 'FLOAT' || field.type === 'TIMESTAMP'
  if (isNumber && !Number.isFinite(Number(value))) {
    const wanted = field.type === 'TIMESTAMP' ? 'a date' : 'a number'
    throw fail('invalid_value', { param: 'search_expression', reason: `"${field.name}" is compared with ${wanted}` })
  }
  return isNumber ? Number(value) : String(value)
}
