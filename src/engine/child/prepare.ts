// Makes of a call what the scheduler works on: token ids, grammar, parser, stops. Everything wrong with a call is found here, before anything is sent.

import { fail } from '../../base/errors.ts'
import type { AnswerParser, FillInTheMiddle } from '../../formats/format.ts'
import type {
  CallContext,
  ChatCall,
  CompletionCall,
  CompletionPrompt,
  OutputRule,
  Sampling,
  TokenizeInput,
  ToolCall,
} from '../../wire/model.ts'
import { type Applied, noAdapters } from './adapters.ts'
import type { Engine } from './engine.ts'
import { GuidanceRefusal } from './guidance-instance.ts'
import type { Grammar } from './guidance-matcher.ts'
import { holdCall, refusedCall } from './schema-tools.ts'
import { promptTokens } from './template.ts'

/** A call, ready to run. */
export interface Preparation {
  readonly context: CallContext
  /** The weights that answer. */
  readonly adapters: Applied
  readonly prompt: readonly number[]
  readonly sampling: Sampling
  /** Tokens that end the answer. */
  readonly endTokens: ReadonlySet<number>
  /** Present when answers are held to a rule. */
  readonly grammar?: Grammar
  /** Present when the grammar accepts too much: the fault of a whole answer, undefined when there is none. */
  readonly validate?: (answer: WholeAnswer) => Promise<string | undefined>
  /** A parser for one answer; absent for completions. */
  readonly parser?: () => AnswerParser
  /** Alternatives of each prompt token's log-probability; absent: none. */
  readonly promptLogprobs?: number
}

/** What is validated of an answer. */
export interface WholeAnswer {
  readonly text: string
  readonly calls: readonly ToolCall[]
}

/** What the output rule adds. */
type Held = Pick<Preparation, 'grammar' | 'validate'>

/** Prepares a conversation. @throws Failure of the 4xx kind */
export async function prepareChat(engine: Engine, call: ChatCall, adapters = noAdapters): Promise<Preparation> {
  const { format, vocabulary } = engine
  checkCall(engine, call.sampling)
  const prompt = promptTokens(format.render(call), vocabulary)
  checkLength(engine, 'messages', prompt, call.sampling)
  const held = await holdChat(engine, call)
  const stopTokens = format.stopTokens.map((text) => vocabulary.control(text)).filter((token) => token !== undefined)
  return {
    context: call.context,
    adapters,
    prompt,
    sampling: { ...engine.sampling, ...call.sampling, stop: [...(call.sampling.stop ?? []), ...format.stopStrings] },
    endTokens: new Set([...vocabulary.endTokens, ...stopTokens]),
    parser: () => format.parser(call),
    ...held,
  }
}

/** Prepares a text, token ids or a hole to continue. @throws Failure of the 4xx kind */
export async function prepareCompletion(
  engine: Engine,
  call: CompletionCall,
  adapters = noAdapters,
): Promise<Preparation> {
  const { vocabulary } = engine
  checkCall(engine, call.sampling)
  const { prompt, stopTokens } = completionPrompt(engine, call.prompt)
  checkLength(engine, 'prompt', prompt, call.sampling)
  const held = await holdText(engine, call.output)
  return {
    context: call.context,
    adapters,
    prompt,
    sampling: { ...engine.sampling, ...call.sampling },
    endTokens: new Set([...vocabulary.endTokens, ...stopTokens]),
    ...held,
    ...(call.promptLogprobs === undefined ? {} : { promptLogprobs: call.promptLogprobs }),
  }
}

/** Token ids of what a caller wants counted. */
export function tokenizeInput({ vocabulary, format, fillInTheMiddle }: Engine, input: TokenizeInput): number[] {
  if (input.type === 'chat') return promptTokens(format.render(input.call), vocabulary)
  if (input.type === 'text') {
    const { addSpecial, parseSpecial } = input
    return Array.from(vocabulary.tokenize(input.text, { addSpecial, parseSpecial }))
  }
  return promptTokens(required(fillInTheMiddle).render(input.prefix, input.suffix, []), vocabulary)
}

function completionPrompt(
  { vocabulary, fillInTheMiddle }: Engine,
  prompt: CompletionPrompt,
): { prompt: number[]; stopTokens: number[] } {
  if (prompt.type === 'tokens') {
    const wrong = prompt.tokens.find((token) => !vocabulary.has(token))
    if (wrong === undefined) return { prompt: [...prompt.tokens], stopTokens: [] }
    const reason = `${wrong} is not one of this model's ${vocabulary.size} token ids`
    throw fail('invalid_value', { param: 'prompt', reason })
  }
  if (prompt.type === 'text') {
    const { text, parseSpecial = false } = prompt
    return { prompt: Array.from(vocabulary.tokenize(text, { addSpecial: true, parseSpecial })), stopTokens: [] }
  }
  const family = required(fillInTheMiddle)
  const stopTokens = family.stopTokens.map((text) => vocabulary.control(text)).filter((token) => token !== undefined)
  const segments = family.render(prompt.prefix, prompt.suffix, prompt.files)
  return { prompt: promptTokens(segments, vocabulary), stopTokens }
}

function required(family: FillInTheMiddle | undefined): FillInTheMiddle {
  if (family !== undefined) return family
  const reason = "this model's vocabulary has no fill-in-the-middle tokens"
  throw fail('unsupported_value', { param: 'suffix', reason })
}

function checkCall({ vocabulary }: Engine, sampling: Sampling): void {
  for (const token of Object.keys(sampling.logitBias ?? {})) {
    if (vocabulary.has(Number(token))) continue
    const reason = `"${token}" is not one of this model's ${vocabulary.size} token ids`
    throw fail('invalid_value', { param: 'logit_bias', reason })
  }
}

/** The prompt and one token of answer must fit the stream; the last token of an answer is never stored. */
function checkLength({ context }: Engine, param: string, prompt: readonly number[], sampling: Sampling): void {
  if (prompt.length === 0) throw fail('invalid_value', { param, reason: 'it has no tokens' })
  const limit = context.contextLength
  if (prompt.length > limit - (sampling.maxTokens === 0 ? 0 : 1)) {
    throw fail('context_length_exceeded', { param, limit, promptTokens: prompt.length })
  }
}

/** A conversation's grammar comes from the format, which knows how calls are written; the schemas in it are the ones that hold. */
async function holdChat({ format, rules }: Engine, call: ChatCall): Promise<Held> {
  if (call.output.type === 'text' && (call.tools.length === 0 || call.toolChoice === 'none')) return {}
  const { guidance, schemas } = await rules()
  const callable = call.toolChoice === 'none' ? { ...call, tools: [] } : call
  const held = await holdCall(schemas, callable)
  const text = format.grammar(held.call)
  if (text === undefined) return {}
  const grammar = await guidance.compile({ type: 'lark', text }).catch((error: unknown) => {
    throw error instanceof GuidanceRefusal ? refusedCall(call, error.message) : error
  })
  const { validateText, validateArguments } = held
  if (validateText === undefined && validateArguments === undefined) return { grammar }
  const validate = async ({ text: answer, calls }: WholeAnswer): Promise<string | undefined> => {
    for (const { name, arguments: given } of calls) {
      const fault = await validateArguments?.(name, given)
      if (fault !== undefined) return fault
    }
    return calls.length > 0 ? undefined : await validateText?.(answer)
  }
  return { grammar, validate }
}

async function holdText({ rules }: Engine, output: OutputRule): Promise<Held> {
  if (output.type === 'text') return {}
  const { schemas } = await rules()
  const schema = output.type === 'json-object' ? { type: 'object' } : output.schema
  const { grammar, validate } = await schemas.hold(schema, 'response_format.json_schema.schema')
  return validate === undefined ? { grammar } : { grammar, validate: ({ text }) => validate(text) }
}
