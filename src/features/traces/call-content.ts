// What was said in this server's own calls, as OpenTelemetry writes it. The meter keeps it with the usage, once; a trace reads it from there.
import type { Database } from '../../database/connect.ts'
import type { Row } from '../../database/tables.ts'
import type { AttributeValue } from '../../telemetry/span.ts'

interface KeptMessage {
  readonly role: string
  readonly content: readonly ({ readonly type: 'text'; readonly text: string } | { readonly type: string })[]
  readonly toolCalls?: readonly { readonly id: string; readonly name: string; readonly arguments: string }[]
  readonly toolCallId?: string
}

interface KeptInput {
  readonly messages?: readonly KeptMessage[]
  readonly prompt?: unknown
  readonly inputs?: unknown
  readonly query?: string
  readonly documents?: readonly string[]
}

interface KeptChoice {
  readonly text: string
  readonly reasoning: string
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[]
}

/** Content by span id, as JSON of attributes; empty where the workspace keeps none. */
export async function contentsOfCalls(
  query: Database['query'],
  workspace: string,
  spans: readonly Pick<Row<'spans'>, 'span_id' | 'source' | 'attributes'>[],
): Promise<readonly (readonly [string, string])[]> {
  const calls = spans
    .filter((span) => span.source === 'galerne')
    .map((span) => [callOf(span.attributes), span.span_id] as const)
    .filter((pair): pair is readonly [string, string] => pair[0] !== undefined)
  if (calls.length === 0) return []
  const bySpan = new Map(calls)
  const rows = await query
    .selectFrom('usage_contents')
    .select(['id', 'input', 'output'])
    .where('workspace', '=', workspace)
    .where('id', 'in', [...bySpan.keys()])
    .execute()
  return rows.map((row) => [bySpan.get(row.id) ?? '', JSON.stringify(attributesOf(row.input, row.output))] as const)
}

function callOf(attributes: string): string | undefined {
  const id = (JSON.parse(attributes) as { readonly 'galerne.call.id'?: unknown })['galerne.call.id']
  return typeof id === 'string' ? id : undefined
}

function attributesOf(input: string | null, output: string | null): Record<string, AttributeValue> {
  const asked = input === null ? {} : (JSON.parse(input) as KeptInput)
  const said = output === null ? [] : (JSON.parse(output) as readonly (KeptChoice | null)[])
  return {
    ...(asked.messages !== undefined && { 'gen_ai.input.messages': JSON.stringify(asked.messages.map(messageOf)) }),
    ...(asked.messages === undefined && input !== null && { 'gen_ai.input.messages': JSON.stringify([textOf(asked)]) }),
    ...(said.length > 0 && {
      'gen_ai.output.messages': JSON.stringify(said.filter((choice) => choice !== null).map(choiceOf)),
    }),
  }
}

/** GenAI semantic conventions: a role and parts. */
function messageOf({ role, content, toolCalls, toolCallId }: KeptMessage) {
  const parts = content.map((part) => ('text' in part ? { type: 'text', content: part.text } : { type: part.type }))
  const calls = (toolCalls ?? []).map(callPart)
  if (toolCallId === undefined) return { role, parts: [...parts, ...calls] }
  const response = content.map((part) => ('text' in part ? part.text : '')).join('')
  return { role, parts: [{ type: 'tool_call_response', id: toolCallId, response }] }
}

function choiceOf({ text, reasoning, toolCalls }: KeptChoice) {
  return {
    role: 'assistant',
    parts: [
      ...(reasoning === '' ? [] : [{ type: 'reasoning', content: reasoning }]),
      ...(text === '' ? [] : [{ type: 'text', content: text }]),
      ...toolCalls.map(callPart),
    ],
  }
}

function callPart(call: { readonly id: string; readonly name: string; readonly arguments: string }) {
  return { type: 'tool_call', id: call.id, name: call.name, arguments: call.arguments }
}

/** A prompt, texts to embed or documents to rank: one message of the user. */
function textOf({ prompt, inputs, query, documents }: KeptInput) {
  const content = JSON.stringify(prompt ?? inputs ?? { query, documents })
  return { role: 'user', parts: [{ type: 'text', content }] }
}
