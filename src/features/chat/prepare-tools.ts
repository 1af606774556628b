// Turns tools and the freedom to call them into the contract's form, the deprecated `functions` included. Pure.
import { fail } from '../../base/errors.ts'
import type { ChatRequest } from '../../wire/chat.ts'
import type { ChatCall, Tool } from '../../wire/model.ts'
import type { FunctionDefinition, ToolChoice, ToolDefinition } from '../../wire/tools.ts'

type Fields = Pick<ChatRequest, 'tools' | 'tool_choice' | 'functions' | 'function_call'>
type Prepared = Pick<ChatCall, 'tools' | 'toolChoice'>

/** Tools and choice of a request. Throws a 400 where a tool is of a kind that is not served, or the choice names none of them. */
export function prepareTools(body: Fields): Prepared {
  const tools = [
    ...(body.tools ?? []).map((tool, index) => readTool(tool, `tools[${index}]`)),
    ...(body.functions ?? []).map(readFunction),
  ]
  refuseTwins(tools)
  const sent = body.tool_choice ?? null
  const prepared = sent === null ? legacyChoice(body, tools) : readChoice(sent, tools)
  const { toolChoice } = prepared
  if (toolChoice === 'required' && prepared.tools.length === 0) {
    throw fail('invalid_value', { param: 'tool_choice', reason: 'a call is required, but there are no tools' })
  }
  if (typeof toolChoice === 'object' && !prepared.tools.some(({ name }) => name === toolChoice.name)) {
    const param = sent === null ? 'function_call' : 'tool_choice'
    throw fail('invalid_value', { param, reason: `there is no tool "${toolChoice.name}"` })
  }
  return prepared
}

function readTool(tool: ToolDefinition, path: string): Tool {
  const type = tool.type ?? 'function'
  if (type !== 'function') {
    throw fail('unsupported_value', { param: `${path}.type`, reason: `"${type}" is not served, only functions are` })
  }
  if (tool.function === null || tool.function === undefined) {
    throw fail('invalid_value', { param: `${path}.function`, reason: 'it is missing' })
  }
  return readFunction(tool.function)
}

function readFunction(definition: FunctionDefinition): Tool {
  return {
    name: definition.name,
    // Without parameters a function takes none.
    parameters: definition.parameters ?? { type: 'object', properties: {} },
    strict: definition.strict ?? false,
    ...(definition.description && { description: definition.description }),
  }
}

function refuseTwins(tools: readonly Tool[]): void {
  const seen = new Set<string>()
  for (const { name } of tools) {
    if (seen.has(name)) throw fail('invalid_value', { param: 'tools', reason: `two of them are named "${name}"` })
    seen.add(name)
  }
}

function readChoice(choice: ToolChoice, tools: readonly Tool[]): Prepared {
  if (choice === 'any') return { tools, toolChoice: 'required' }
  if (typeof choice === 'string') return { tools, toolChoice: choice }
  const type = choice.type ?? 'function'
  if (type === 'allowed_tools') return readAllowed(choice.allowed_tools ?? missing('tool_choice.allowed_tools'), tools)
  if (type === 'function') {
    return { tools, toolChoice: { name: (choice.function ?? missing('tool_choice.function')).name } }
  }
  throw fail('unsupported_value', { param: 'tool_choice.type', reason: `"${type}" is not served, only functions are` })
}

function missing(param: string): never {
  throw fail('invalid_value', { param, reason: 'it is missing' })
}

type AllowedTools = NonNullable<Exclude<ToolChoice, string>['allowed_tools']>

function readAllowed({ mode, tools: allowed }: AllowedTools, tools: readonly Tool[]): Prepared {
  const names = new Set(allowed.map((entry) => entry.function.name))
  const stranger = [...names].find((name) => !tools.some((tool) => tool.name === name))
  if (stranger !== undefined) {
    throw fail('invalid_value', { param: 'tool_choice.allowed_tools.tools', reason: `there is no tool "${stranger}"` })
  }
  return { tools: tools.filter(({ name }) => names.has(name)), toolChoice: mode }
}

function legacyChoice(body: Fields, tools: readonly Tool[]): Prepared {
  const choice = body.function_call ?? 'auto'
  return { tools, toolChoice: typeof choice === 'string' ? choice : { name: choice.name } }
}
