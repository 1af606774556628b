// Decides how a JSON Schema is held: by its grammar alone, by a looser grammar and validation of the whole answer, or not at all (a 400). Never open.

import { createHash } from 'node:crypto'
import { fail } from '../../base/errors.ts'
import type { JsonSchema } from '../../wire/model.ts'
import type { Guidance } from './guidance.ts'
import { GuidanceRefusal, type GuidanceRule } from './guidance-instance.ts'
import type { Grammar } from './guidance-matcher.ts'
import { limitedSchemaText } from './schema-limits.ts'
import { boundedWhitespace, grammarSchema, looserSchemas, type Rewritten } from './schema-relax.ts'
import { SchemaValidator } from './schema-validator.ts'
import { isObject, subschemas } from './schema-walk.ts'

/** How a schema is held. */
export interface HeldSchema {
  /** What the grammar is made of: the schema in llguidance's words, with bounded whitespace; also fit for `%json` in a Lark grammar. */
  readonly schema: JsonSchema
  readonly grammar: Grammar
  /**
   * Present when the grammar accepts too much: gives the reason why a whole answer does not satisfy the schema, undefined when it does.
   * Nothing of an answer may be sent before; sample again at most twice, then `schema_not_satisfied`.
   */
  readonly validate?: (text: string) => Promise<string | undefined>
}

/** Decisions kept for the next request with the same schema. */
const keptDecisions = 128

/** The schemas of one model. */
export class Schemas {
  readonly #guidance: Guidance
  readonly #validator = new SchemaValidator()
  readonly #decisions = new Map<string, Promise<HeldSchema>>()

  constructor(guidance: Guidance) {
    this.#guidance = guidance
  }

  /**
   * @param param the request's field that the schema came in, for the error: the keyword's JSON pointer is added to it
   * @throws Failure `invalid_value` (no schema, or one that nothing satisfies) or `unsupported_value` (nothing here can enforce it)
   */
  async hold(schema: JsonSchema, param: string): Promise<HeldSchema> {
    const text = limitedSchemaText(schema, param)
    const key = createHash('sha256').update(param).update('\0').update(text).digest('base64')
    const decision = this.#decisions.get(key) ?? this.#decide(schema, text, param)
    this.#decisions.delete(key)
    this.#decisions.set(key, decision)
    decision.catch(() => undefined)
    for (const oldest of this.#decisions.keys())
      if (this.#decisions.size > keptDecisions) this.#decisions.delete(oldest)
    return decision
  }

  /** Ends the validating thread. */
  stop(): Promise<void> {
    return this.#validator.stop()
  }

  async #decide(schema: JsonSchema, text: string, param: string): Promise<HeldSchema> {
    await this.#validator.check(text, param)
    const exact = grammarSchema(schema)
    const validate = (answer: string) => this.#validator.fault(text, answer)
    let refusal: GuidanceRefusal | undefined
    for (const { schema: variant, exact: alone } of variants(exact)) {
      try {
        const held = withWhitespace(variant)
        const grammar = await this.#guidance.compile(schemaRule(held))
        const certain = alone && grammar.warnings.length === 0
        return { schema: held, grammar, ...(certain ? {} : { validate }) }
      } catch (error) {
        if (!(error instanceof GuidanceRefusal)) throw error
        // The last refusal counts: what an earlier variant lacked, a looser one does without.
        refusal = error
        if (error.tooCostly || isUnsatisfiable(error)) break
      }
    }
    throw refused(schema, refusal, param)
  }
}

function* variants(exact: Rewritten): Generator<Rewritten> {
  yield exact
  for (const schema of looserSchemas(exact.schema)) yield { schema, exact: false }
}

/** The rule that a schema makes. */
export function schemaRule(schema: JsonSchema): GuidanceRule {
  return { type: 'json-schema', text: JSON.stringify(schema) }
}

/** Overrides what a caller may have put there: `x-guidance` can turn enforcement off. */
function withWhitespace(schema: JsonSchema): JsonSchema {
  if (isObject(schema)) return { ...schema, 'x-guidance': boundedWhitespace }
  // `true` is any JSON; `false` is nothing.
  return schema ? { 'x-guidance': boundedWhitespace } : false
}

function isUnsatisfiable(refusal: GuidanceRefusal): boolean {
  // The last is llguidance's name for a grammar that no text begins.
  return ['Unsatisfiable schema', 'unsatisfiable', 'NoExtension'].some((word) => refusal.message.includes(word))
}

/** llguidance names the keyword and not its place: the place is where the schema first says it. */
function refused(schema: JsonSchema, refusal: GuidanceRefusal | undefined, param: string) {
  const reason = refusal?.message.split('\n')[0] ?? 'it has no grammar'
  const place = param + keywordPath(schema, reason)
  if (refusal !== undefined && isUnsatisfiable(refusal)) {
    return fail('invalid_value', { param: place, reason: `no answer can satisfy it (${reason})` }, refusal)
  }
  return fail('unsupported_value', { param: place, reason }, refusal)
}

function keywordPath(schema: JsonSchema, reason: string): string {
  const pointer = /#\/\S*/.exec(reason)?.[0]
  const named = new Set(reason.match(/[$A-Za-z]+/g))
  for (const { schema: node, path } of subschemas(schema)) {
    if (pointer !== undefined && node['$ref'] === pointer) return `${path}/$ref`
    for (const keyword of Object.keys(node)) {
      if (pointer === undefined && named.has(keyword) && keyword !== 'type' && keyword !== 'properties')
        return `${path}/${keyword}`
    }
  }
  return ''
}
