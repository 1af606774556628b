// The search expressions of Mistral's explorer as a tree: conditions on fields, combined by AND, OR, NOT. Pure; knows no table.
import { fail } from '../../base/errors.ts'

/** A value in an expression. */
export type Operand = string | number

/** A field, or one attribute of a map: `span_attributes['gen_ai.request.model']`. */
export interface FieldReference {
  readonly name: string
  readonly key?: string
}

/** How a field is compared with one value. */
export const comparisons = ['=', '!=', '<', '<=', '>', '>=', 'LIKE', 'ILIKE', 'CONTAINS', 'REGEXP'] as const

/** One of them. */
export type Comparison = (typeof comparisons)[number]

/** A parsed expression. */
export type Expression =
  | { readonly type: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly type: 'not'; readonly part: Expression }
  | { readonly type: 'compare'; readonly field: FieldReference; readonly operator: Comparison; readonly value: Operand }
  | { readonly type: 'between'; readonly field: FieldReference; readonly from: Operand; readonly to: Operand }
  | { readonly type: 'in'; readonly field: FieldReference; readonly values: readonly Operand[] }
  | { readonly type: 'exists'; readonly field: FieldReference }
  | {
      readonly type: 'has'
      readonly field: FieldReference
      readonly values: readonly Operand[]
      /** Whether all of the values must be there, or one of them. */
      readonly all: boolean
    }

const longest = 4_000
const deepest = 40
const mostValues = 200

interface Token {
  readonly kind: 'name' | 'text' | 'number' | 'sign' | 'end'
  readonly value: string
  readonly at: number
}

/** Parses an expression; undefined for an empty one. Throws `invalid_value` that names the place. */
export function parseExpression(source: string): Expression | undefined {
  if (source.length > longest) throw fault(0, `it is longer than ${longest} characters`)
  if (source.trim() === '') return undefined
  const reader = createReader(tokenize(source))
  const expression = readOr(reader, 0)
  const rest = reader.next()
  if (rest.kind !== 'end') throw fault(rest.at, `"${rest.value}" is not expected`)
  return expression
}

function fault(at: number, reason: string) {
  return fail('invalid_value', { param: 'search_expression', reason: `at character ${at + 1}, ${reason}` })
}

const pattern =
  /\s*(?:([A-Za-z_][\w.]*)|'((?:[^'\\]|\\.|'')*)'|"((?:[^"\\]|\\.)*)"|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(!=|<>|<=|>=|[=<>()[\],]))/y

function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = []
  pattern.lastIndex = 0
  for (;;) {
    const from = pattern.lastIndex
    const match = pattern.exec(source)
    if (match === null) {
      if (source.slice(from).trim() !== '') {
        const at = from + (/\S/.exec(source.slice(from))?.index ?? 0)
        throw fault(at, `"${source.slice(at, at + 20)}" cannot be read`)
      }
      tokens.push({ kind: 'end', value: 'the end', at: source.length })
      return tokens
    }
    const [whole, name, single, double, number, sign] = match
    const at = from + whole.search(/\S/)
    if (name !== undefined) tokens.push({ kind: 'name', value: name, at })
    else if (number !== undefined) tokens.push({ kind: 'number', value: number, at })
    else if (sign !== undefined) tokens.push({ kind: 'sign', value: sign === '<>' ? '!=' : sign, at })
    else tokens.push({ kind: 'text', value: unquote(single?.replaceAll("''", "'") ?? double ?? ''), at })
  }
}

function unquote(text: string): string {
  return text.replace(/\\(.)/g, (_, letter: string) => ({ n: '\n', t: '\t' })[letter] ?? letter)
}

interface TokenReader {
  peek(): Token
  next(): Token
  /** Takes the token where it is this word (in any case) or sign. */
  take(value: string): boolean
  expect(value: string): void
}

function createReader(tokens: readonly Token[]): TokenReader {
  let index = 0
  const end: Token = { kind: 'end', value: 'the end', at: 0 }
  const reader: TokenReader = {
    peek: () => tokens[index] ?? end,
    next: () => tokens[index++] ?? end,
    take(value) {
      const token = reader.peek()
      if (token.kind !== 'name' && token.kind !== 'sign') return false
      if (token.value.toUpperCase() !== value) return false
      index += 1
      return true
    },
    expect(value) {
      const token = reader.peek()
      if (!reader.take(value)) throw fault(token.at, `"${value}" is expected and not "${token.value}"`)
    },
  }
  return reader
}

function readOr(reader: TokenReader, depth: number): Expression {
  const parts = [readAnd(reader, depth)]
  while (reader.take('OR')) parts.push(readAnd(reader, depth))
  const [only, ...others] = parts
  return only !== undefined && others.length === 0 ? only : { type: 'or', parts }
}

function readAnd(reader: TokenReader, depth: number): Expression {
  const parts = [readNot(reader, depth)]
  while (reader.take('AND')) parts.push(readNot(reader, depth))
  const [only, ...others] = parts
  return only !== undefined && others.length === 0 ? only : { type: 'and', parts }
}

function readNot(reader: TokenReader, depth: number): Expression {
  if (depth > deepest) throw fault(reader.peek().at, 'it is nested too deeply')
  if (reader.take('NOT')) return { type: 'not', part: readNot(reader, depth + 1) }
  if (reader.take('(')) {
    const inside = readOr(reader, depth + 1)
    reader.expect(')')
    return inside
  }
  return readCondition(reader)
}

function readCondition(reader: TokenReader): Expression {
  const token = reader.next()
  if (token.kind !== 'name') throw fault(token.at, `a field is expected and not "${token.value}"`)
  const word = token.value.toLowerCase()
  if (['has', 'hasany', 'hasall'].includes(word) && reader.take('(')) {
    const field = readField(reader, reader.next())
    reader.expect(',')
    const values = word === 'has' ? [readOperand(reader)] : readList(reader, '[', ']')
    reader.expect(')')
    return { type: 'has', field, values, all: word === 'hasall' }
  }
  const field = readField(reader, token)
  const negated = reader.take('NOT')
  const condition = readOperator(reader, field)
  return negated ? { type: 'not', part: condition } : condition
}

function readField(reader: TokenReader, token: Token): FieldReference {
  if (token.kind !== 'name') throw fault(token.at, `a field is expected and not "${token.value}"`)
  if (!reader.take('[')) return { name: token.value }
  const key = reader.next()
  if (key.kind !== 'text') throw fault(key.at, 'the name of an attribute is expected in quotes')
  reader.expect(']')
  return { name: token.value, key: key.value }
}

function readOperator(reader: TokenReader, field: FieldReference): Expression {
  if (reader.take('EXISTS')) return { type: 'exists', field }
  if (reader.take('IN')) return { type: 'in', field, values: readList(reader, '(', ')') }
  if (reader.take('BETWEEN')) {
    const from = readOperand(reader)
    reader.expect('AND')
    return { type: 'between', field, from, to: readOperand(reader) }
  }
  for (const operator of comparisons) {
    if (reader.take(operator)) return { type: 'compare', field, operator, value: readOperand(reader) }
  }
  const token = reader.peek()
  throw fault(token.at, `an operator is expected after "${field.name}" and not "${token.value}"`)
}

function readList(reader: TokenReader, open: string, close: string): readonly Operand[] {
  const at = reader.peek().at
  reader.expect(open)
  const values = [readOperand(reader)]
  while (reader.take(',')) values.push(readOperand(reader))
  reader.expect(close)
  if (values.length > mostValues) throw fault(at, `a list has ${mostValues} values at most`)
  return values
}

function readOperand(reader: TokenReader): Operand {
  const token = reader.next()
  if (token.kind === 'text') return token.value
  if (token.kind === 'number') return Number(token.value)
  throw fault(token.at, `a text in quotes or a number is expected and not "${token.value}"`)
}
