// Holds a whole chat call: the schema of the answer and those of the tools, rewritten so that a format can put them into one Lark grammar.

import { type Failure, fail } from '../../base/errors.ts'
import { argumentsSchema } from '../../formats/grammar.ts'
import type { JsonSchema, OutputRule, Tool } from '../../wire/model.ts'
import type { HeldSchema, Schemas } from './schema.ts'
import { hasReferences } from './schema-relax.ts'
import { isObject } from './schema-walk.ts'

/** The parts of a chat call that hold its answer. */
export interface RuledCall {
  readonly output: OutputRule
  readonly tools: readonly Tool[]
}

/** The same call with schemas that compile, and what must be checked besides the grammar. */
export interface HeldCall<Call extends RuledCall> {
  /** What the format's `grammar(call)` is made from. Prompts are rendered from the original. */
  readonly call: Call
  /** As `HeldSchema.validate`, for the answer's text. */
  readonly validateText?: (text: string) => Promise<string | undefined>
  /** As `HeldSchema.validate`, for the arguments of a call of the named tool. Absent when every tool is held by grammar alone. */
  readonly validateArguments?: (tool: string, json: string) => Promise<string | undefined>
}

const outputParam = 'response_format.json_schema.schema'

/** @throws Failure 4xx naming `response_format.json_schema.schema…` or `tools[i].function.parameters…` and the keyword's path */
export async function holdCall<Call extends RuledCall>(schemas: Schemas, call: Call): Promise<HeldCall<Call>> {
  const output = await holdOutput(schemas, call.output)
  const tools = await Promise.all(
    call.tools.map((tool, index) => schemas.hold(argumentsSchema(tool), `tools[${index}].function.parameters`)),
  )
  const unsure = new Map(
    call.tools.flatMap((tool, index) => {
      const validate = tools[index]?.validate
      return validate === undefined ? [] : [[tool.name, validate] as const]
    }),
  )
  const rewritten = call.tools.map((tool, index): Tool => {
    const held = tools[index]
    return held === undefined ? tool : { ...tool, parameters: named(held.schema, index) }
  })
  return {
    call: {
      ...call,
      tools: rewritten,
      output: output === undefined ? call.output : rewriteOutput(call.output, output),
    },
    ...(output?.validate === undefined ? {} : { validateText: output.validate }),
    ...(unsure.size === 0 ? {} : { validateArguments: async (tool: string, json: string) => unsure.get(tool)?.(json) }),
  }
}

/** What to answer when the grammar of a call does not compile although each of its schemas does: together they are too much. */
export function refusedCall(call: RuledCall, reason: string): Failure {
  const param = call.tools.length > 0 ? 'tools' : 'response_format'
  return fail('unsupported_value', { param, reason: `its grammar was refused: ${reason.split('\n')[0] ?? ''}` })
}

function holdOutput(schemas: Schemas, output: OutputRule): Promise<HeldSchema> | undefined {
  if (output.type === 'json-schema') return schemas.hold(output.schema, outputParam)
  if (output.type === 'json-object') return schemas.hold({ type: 'object' }, 'response_format')
  return undefined
}

/** `json-object` becomes the schema that it means, so that its whitespace is bounded too. */
function rewriteOutput(output: OutputRule, { schema }: HeldSchema): OutputRule {
  if (output.type === 'json-schema') return { ...output, schema }
  return { type: 'json-schema', name: 'object', schema, strict: true }
}

/** A schema with `#/…` references keeps them inside another schema only under a name of its own. */
function named(schema: JsonSchema, index: number): JsonSchema {
  if (!isObject(schema) || !hasReferences(schema) || schema['$id'] !== undefined || schema['id'] !== undefined)
    return schema
  return { ...schema, $id: `tool:${index}` }
}
