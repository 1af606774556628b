// The sampling fields that every generating endpoint takes, in both vendors' names, and their one meaning as the contract's `Sampling`.
import { type Static, Type } from 'typebox'
import { fail } from '../base/errors.ts'
import { optional } from './fields.ts'
import type { Sampling } from './model.ts'

/** Spread these into a request schema; `readSampling` reads them. */
export const samplingFields = {
  temperature: optional(
    Type.Number({ minimum: 0, maximum: 2, description: '0 is greedy. The model has a default of its own.' }),
  ),
  top_p: optional(Type.Number({ minimum: 0, maximum: 1 })),
  top_k: optional(Type.Integer({ minimum: -1, maximum: 1_000_000, description: '0 and -1 turn it off.' })),
  min_p: optional(Type.Number({ minimum: 0, maximum: 1 })),
  frequency_penalty: optional(Type.Number({ minimum: -2, maximum: 2 })),
  presence_penalty: optional(Type.Number({ minimum: -2, maximum: 2 })),
  repetition_penalty: optional(Type.Number({ exclusiveMinimum: 0, maximum: 10, description: '1 is off.' })),
  seed: optional(
    Type.Integer({
      minimum: -(2 ** 63),
      maximum: 2 ** 63,
      description: 'Same seed, same build, same weights: same answer.',
    }),
  ),
  random_seed: optional(Type.Integer({ minimum: 0, maximum: 2 ** 63, description: "Mistral's name of seed." })),
  logit_bias: optional(
    Type.Record(Type.String({ pattern: '^[0-9]{1,9}$' }), Type.Number({ minimum: -100, maximum: 100 }), {
      additionalProperties: false,
      maxProperties: 1024,
      description: 'Token id to what is added to its logit.',
    }),
  ),
  max_tokens: optional(
    Type.Integer({
      minimum: 0,
      maximum: 2 ** 31 - 1,
      description: 'Tokens to generate at most. Without it: until the context is full.',
    }),
  ),
  min_tokens: optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
  stop: optional(
    Type.Union([
      Type.String({ minLength: 1, maxLength: 4096 }),
      Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), { maxItems: 64 }),
    ]),
  ),
  n: optional(Type.Integer({ minimum: 1, maximum: 128, description: 'Answers to generate for the prompt.' })),
}

/** The fields above as the request carries them. */
export type SamplingFields = Partial<{ [Name in keyof typeof samplingFields]: Static<(typeof samplingFields)[Name]> }>

/** What `readSampling` needs to know of the endpoint and the model. */
export interface SamplingRules {
  /** Token ids at or above it are refused in `logit_bias`. */
  readonly vocabularySize: number
  /** Tokens to generate at most when the request does not say (16 on /v1/completions). */
  readonly defaultMaxTokens?: number
  /** `max_completion_tokens` or `max_output_tokens`, where the endpoint has it: another name of `max_tokens`. */
  readonly otherMaxTokens?: { readonly name: string; readonly value: number | null | undefined }
  /** Alternatives per token whose log-probabilities are wanted. */
  readonly logprobs?: number
}

/** The contract's sampling, from either vendor's names. Throws `invalid_value` where two names of one thing disagree. */
export function readSampling(body: SamplingFields, rules: SamplingRules): Sampling {
  checkBias(body.logit_bias, rules.vocabularySize)
  const maxTokens =
    oneOf(
      { name: 'max_tokens', value: body.max_tokens },
      rules.otherMaxTokens ?? { name: 'max_tokens', value: body.max_tokens },
    ) ?? rules.defaultMaxTokens
  const minTokens = body.min_tokens ?? undefined
  if (minTokens !== undefined && maxTokens !== undefined && minTokens > maxTokens) {
    throw fail('invalid_value', {
      param: 'min_tokens',
      reason: `it is ${minTokens}, more than the ${maxTokens} tokens at most`,
    })
  }
  const seed = oneOf({ name: 'random_seed', value: body.random_seed }, { name: 'seed', value: body.seed })
  return present({
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k === -1 ? 0 : body.top_k,
    minP: body.min_p,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    repetitionPenalty: body.repetition_penalty,
    // The engine's generator takes 32 bits; OpenAI's seed has 64.
    seed: seed === undefined ? undefined : Number(BigInt.asUintN(32, BigInt(seed))),
    logitBias: body.logit_bias,
    maxTokens,
    minTokens,
    stop: typeof body.stop === 'string' ? [body.stop] : body.stop?.length === 0 ? undefined : body.stop,
    choices: body.n,
    logprobs: rules.logprobs,
  })
}

interface Named {
  readonly name: string
  readonly value: number | null | undefined
}

/** The value of a setting that has two names; both may be given when they agree. */
function oneOf(first: Named, second: Named): number | undefined {
  const [a, b] = [first.value ?? undefined, second.value ?? undefined]
  if (a !== undefined && b !== undefined && a !== b) {
    throw fail('invalid_value', {
      param: second.name,
      reason: `it is ${b}, but ${first.name} is ${a}; send one of them`,
    })
  }
  return a ?? b
}

function checkBias(bias: Readonly<Record<string, number>> | null | undefined, vocabularySize: number): void {
  const stranger = Object.keys(bias ?? {}).find((token) => Number(token) >= vocabularySize)
  if (stranger === undefined) return
  const reason = `there is no token ${stranger}; this model has ${vocabularySize} tokens`
  throw fail('invalid_value', { param: 'logit_bias', reason })
}

type Present<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], null | undefined> }

/** The fields that are set: absent ones must be absent for the model's defaults to hold. */
function present<Fields extends object>(fields: Fields): Present<Fields> {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)
  return Object.fromEntries(set) as Present<Fields>
}
