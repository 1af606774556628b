// POST /tokenize, POST /detokenize, GET /tokenizer_info: the model's own tokenizer, in the shapes of vLLM's endpoints.
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import { nameIgnoredFields } from '../../wire/deliver.ts'
import type { Server } from '../../wire/exchange.ts'
import { ignoredFields } from '../../wire/ignored.ts'
import type { Model, TokenizeInput } from '../../wire/model.ts'
import {
  DetokenizeAnswer,
  DetokenizeRequest,
  TokenizeAnswer,
  TokenizeRequest,
  TokenizerInfoAnswer,
} from '../../wire/tokenize.ts'
import { prepareChat } from '../chat/prepare.ts'
import type { Registry } from '../models/registry.ts'

// What means something only beside messages, and only beside a text.
const ofChats = ['tools', 'add_generation_prompt', 'continue_final_message']
const ofTexts = ['add_special_tokens', 'parse_special']

/** Adds the three routes. Without `model` they mean the only one there is. */
export function registerTokenize(server: Server, { registry }: { readonly registry: Registry }): void {
  server.post(
    '/tokenize',
    {
      config: { permission: 'models.use' },
      schema: {
        tags: ['tokens'],
        summary: 'Count the tokens of a text or of a conversation',
        body: TokenizeRequest,
        response: { 200: TokenizeAnswer },
      },
    },
    async ({ body, exchange }, reply) => {
      const model = registry.modelOrOnly(body.model, exchange.caller)
      const tokens = await model.tokenize(readInput(body, model), exchange.signal)
      nameIgnoredFields(
        reply,
        ignoredFields(TokenizeRequest, body, typeof body.prompt === 'string' ? ofChats : ofTexts),
      )
      return {
        count: tokens.length,
        max_model_len: model.card.contextLength,
        tokens: [...tokens],
        token_strs: body.return_token_strs === true ? await tokenTexts(model, tokens, exchange.signal) : null,
      }
    },
  )
  server.post(
    '/detokenize',
    {
      config: { permission: 'models.use' },
      schema: {
        tags: ['tokens'],
        summary: 'The text of tokens',
        body: DetokenizeRequest,
        response: { 200: DetokenizeAnswer },
      },
    },
    async ({ body, exchange }, reply) => {
      const model = registry.modelOrOnly(body.model, exchange.caller)
      const { vocabularySize } = model.card
      const stranger = body.tokens.findIndex((token) => token >= vocabularySize)
      if (stranger >= 0) {
        const reason = `there is no token ${body.tokens[stranger]}; this model has ${vocabularySize} tokens`
        throw fail('invalid_value', { param: `tokens[${stranger}]`, reason })
      }
      nameIgnoredFields(reply, ignoredFields(DetokenizeRequest, body, []))
      return { prompt: await model.detokenize(body.tokens, exchange.signal) }
    },
  )
  server.get(
    '/tokenizer_info',
    {
      config: { permission: 'models.use' },
      schema: {
        tags: ['tokens'],
        summary: 'What the tokenizer is',
        querystring: Type.Object({ model: Type.Optional(Type.String()) }, { additionalProperties: true }),
        response: { 200: TokenizerInfoAnswer },
      },
    },
    async ({ query, exchange }) => tokenizerInfo(registry.modelOrOnly(query.model, exchange.caller), exchange.signal),
  )
}

function readInput(body: TokenizeRequest, model: Model): TokenizeInput {
  const { prompt, messages, tools } = body
  const given = [prompt, messages].filter((value) => value !== null && value !== undefined)
  if (given.length !== 1) {
    throw fail('invalid_value', { param: 'prompt', reason: 'send either prompt or messages' })
  }
  if (prompt !== null && prompt !== undefined) {
    // A text that spells a control token stays text, as it would in a chat, unless the caller says that it is more.
    const parseSpecial = body.parse_special ?? false
    return { type: 'text', text: prompt, addSpecial: body.add_special_tokens ?? true, parseSpecial }
  }
  if (body.add_generation_prompt === false && body.continue_final_message !== true) {
    const reason = 'the count is of what a chat call would send, which ends where the answer begins'
    throw fail('unsupported_value', { param: 'add_generation_prompt', reason })
  }
  const sent = messages ?? []
  const last = sent.at(-1)
  const open = body.continue_final_message === true && last?.role === 'assistant'
  const continued = open ? [...sent.slice(0, -1), { ...last, prefix: true }] : sent
  const { call } = prepareChat({ model: model.card.name, messages: continued, tools: tools ?? null }, model.card)
  return { type: 'chat', call }
}

async function tokenTexts(model: Model, tokens: readonly number[], signal: AbortSignal): Promise<string[]> {
  const distinct = [...new Set(tokens)]
  const texts = new Map<number, string>()
  for (const token of distinct) texts.set(token, await model.detokenize([token], signal))
  return tokens.map((token) => texts.get(token) ?? '')
}

async function tokenizerInfo(model: Model, signal: AbortSignal) {
  const info = await model.tokenizer()
  const text = (token: number | null) => (token === null ? null : model.detokenize([token], signal))
  return {
    tokenizer_class: info.type,
    model: model.card.name,
    vocab_size: info.vocabularySize,
    model_max_length: model.card.contextLength,
    bos_token_id: info.beginOfSequence,
    eos_token_id: info.endOfSequence,
    bos_token: await text(info.beginOfSequence),
    eos_token: await text(info.endOfSequence),
    add_bos_token: info.addsBeginOfSequence,
    chat_template: info.chatTemplate,
  }
}
