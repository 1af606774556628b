// Turns a checked `/infill` body, in llama.cpp's vocabulary, into a call of a model. Pure.
import { fail } from '../../base/errors.ts'
import { InfillRequest } from '../../wire/fim.ts'
import { ignoredFields } from '../../wire/ignored.ts'
import type { CompletionCall, ModelCard, Sampling } from '../../wire/model.ts'
import { readSampling } from '../../wire/sampling.ts'
import { requireFillInTheMiddle } from './capability.ts'

/** A request as a call. */
export interface PreparedInfill {
  readonly call: Omit<CompletionCall, 'context'>
  readonly ignored: readonly string[]
}

/** Throws `invalid_value` or `unsupported_value`, naming the field. */
export function prepareInfill(body: InfillRequest, card: ModelCard): PreparedInfill {
  requireFillInTheMiddle(card, 'model')
  const files = (body.input_extra ?? []).map(({ filename, text }) => ({ name: filename ?? '', text }))
  return {
    call: {
      prompt: {
        type: 'fill-in-the-middle',
        // llama.cpp writes `prompt` after the token that opens the gap. At the end of the prefix it stands at the same place in the text.
        prefix: (body.input_prefix ?? '') + (body.prompt ?? ''),
        suffix: body.input_suffix ?? '',
        files,
      },
      sampling: prepareSampling(body, card),
      output: { type: 'text' },
    },
    ignored: ignoredFields(InfillRequest, body, []),
  }
}

/** llama.cpp's own defaults (tools/server/README.md): editors that send none of these count on them. */
const defaults = { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 }

function prepareSampling(body: InfillRequest, card: ModelCard): Sampling {
  const { logit_bias, n_predict, n_probs, repeat_penalty, repetition_penalty, seed, temperature, ...fields } = body
  const bias = readBias(logit_bias)
  return readSampling(
    {
      ...defaults,
      ...set(fields),
      // Negative means greedy there, and a random seed; ours are 0 and none.
      ...(typeof temperature === 'number' && { temperature: Math.max(0, temperature) }),
      ...(typeof seed === 'number' && seed >= 0 && { seed }),
      ...(bias !== undefined && { logit_bias: bias }),
      repetition_penalty: repetition_penalty ?? repeat_penalty ?? null,
    },
    {
      vocabularySize: card.vocabularySize,
      // −1 is "until the end", −2 "until the context is full": both are what no limit means here.
      otherMaxTokens: { name: 'n_predict', value: typeof n_predict === 'number' && n_predict >= 0 ? n_predict : null },
      ...(n_probs && { logprobs: n_probs }),
    },
  )
}

/** Without the fields that are null, so that they do not hide a default. */
function set<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as Fields
}

/** llama.cpp's pairs as OpenAI's object. `false` never chooses the token: −100 does the same. */
function readBias(bias: InfillRequest['logit_bias']): Record<string, number> | undefined {
  if (bias === null || bias === undefined) return undefined
  if (!Array.isArray(bias)) return bias
  return Object.fromEntries(
    bias.map(([token, value], index) => {
      const added = value === false ? -100 : value
      if (Math.abs(added) <= 100) return [String(token), added]
      throw fail('invalid_value', { param: `logit_bias[${index}]`, reason: 'a bias lies between -100 and 100' })
    }),
  )
}
