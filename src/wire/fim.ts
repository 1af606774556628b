// The schemas of fill-in-the-middle: Mistral's `/v1/fim/completions` and llama.cpp's `/infill`.
import { type Static, Type } from 'typebox'
import { modelField, optional } from './fields.ts'
import { samplingFields } from './sampling.ts'

const open = { additionalProperties: true } as const

/** `POST /v1/fim/completions`; the answer is a chat completion. */
export const FimRequest = Type.Object(
  {
    model: modelField,
    prompt: Type.String({ description: 'Text before the gap.' }),
    suffix: optional(Type.String({ description: 'Text after the gap.' })),
    ...samplingFields,
    stream: optional(Type.Boolean()),
    stream_options: optional(Type.Object({ include_usage: optional(Type.Boolean()) }, open)),
    metadata: optional(Type.Object({}, open)),
    prompt_cache_key: optional(Type.String({ description: 'A hint. Prefixes are shared inside a workspace anyway.' })),
  },
  open,
)

/** A checked body. */
export type FimRequest = Static<typeof FimRequest>

const { n: _n, logit_bias: _logitBias, random_seed: _randomSeed, ...infillSampling } = samplingFields

/** `POST /infill`, as llama.cpp's server takes it (tools/server/README.md). */
export const InfillRequest = Type.Object(
  {
    model: optional(modelField),
    input_prefix: optional(Type.String({ description: 'Text before the gap.' })),
    input_suffix: optional(Type.String({ description: 'Text after the gap.' })),
    input_extra: optional(
      Type.Array(Type.Object({ filename: optional(Type.String()), text: Type.String() }, open), {
        maxItems: 1024,
        description: 'Other files, for context.',
      }),
    ),
    prompt: optional(Type.String({ description: 'Text that is already in the gap.' })),
    ...infillSampling,
    temperature: optional(Type.Number({ maximum: 2, description: '0 and less is greedy.' })),
    n_predict: optional(Type.Integer({ minimum: -2, maximum: 2 ** 31 - 1, description: '-1: until the end.' })),
    repeat_penalty: optional(Type.Number({ exclusiveMinimum: 0, maximum: 10, description: '1 is off.' })),
    logit_bias: optional(
      Type.Union([
        Type.Array(Type.Tuple([Type.Integer({ minimum: 0 }), Type.Union([Type.Number(), Type.Literal(false)])]), {
          maxItems: 1024,
          description: 'Pairs of token id and bias; false never chooses the token.',
        }),
        samplingFields.logit_bias,
      ]),
    ),
    n_probs: optional(Type.Integer({ minimum: 0, maximum: 20, description: 'Alternatives to name for each token.' })),
    return_tokens: optional(Type.Boolean({ description: 'Token ids are given only together with n_probs.' })),
    response_fields: optional(
      Type.Array(Type.String(), { description: 'Only these fields; timings/prompt_n is a field inside timings.' }),
    ),
    stream: optional(Type.Boolean()),
    cache_prompt: optional(Type.Boolean({ description: 'Prefixes are always cached.' })),
  },
  open,
)

/** A checked body. */
export type InfillRequest = Static<typeof InfillRequest>

const infillToken = {
  id: Type.Integer(),
  token: Type.String(),
  bytes: Type.Array(Type.Integer()),
  logprob: Type.Number(),
}

/** The answer of `/infill`; with `response_fields` only those, under their paths. */
export const InfillResponse = Type.Object(
  {
    index: Type.Optional(Type.Integer()),
    content: Type.Optional(Type.String()),
    tokens: Type.Optional(Type.Array(Type.Integer())),
    stop: Type.Optional(Type.Boolean({ description: 'Whether this is the end; false in the pieces of a stream.' })),
    stop_type: Type.Optional(
      Type.Enum(['eos', 'limit'], {
        description: 'Left out where a stop string or the model itself may have ended it.',
      }),
    ),
    model: Type.Optional(Type.String()),
    tokens_predicted: Type.Optional(Type.Integer()),
    tokens_evaluated: Type.Optional(Type.Integer()),
    tokens_cached: Type.Optional(Type.Integer()),
    truncated: Type.Optional(Type.Boolean({ description: 'Whether the context was full.' })),
    has_new_line: Type.Optional(Type.Boolean()),
    completion_probabilities: Type.Optional(
      Type.Array(Type.Object({ ...infillToken, top_logprobs: Type.Array(Type.Object(infillToken)) })),
    ),
    timings: Type.Optional(Type.Record(Type.String(), Type.Number())),
  },
  open,
)
