// Turns a checked `/v1/embeddings` body into a call of a model. Pure.
import { fail } from '../../base/errors.ts'
import { EmbeddingRequest, maxInputs } from '../../wire/embeddings.ts'
import { ignoredFields } from '../../wire/ignored.ts'
import type { EmbeddingCall, ModelCard } from '../../wire/model.ts'
import type { NumberType } from './quantise.ts'

/** How vectors are written. */
export interface VectorFormat {
  /** Absent: all of the model's. */
  readonly dimensions?: number
  readonly numbers: NumberType
  readonly base64: boolean
}

/** A request as a call. */
export interface PreparedEmbedding {
  readonly inputs: EmbeddingCall['inputs']
  readonly format: VectorFormat
  readonly ignored: readonly string[]
}

/** Throws `invalid_value` or `unsupported_value`, naming the field. */
export function prepareEmbedding(body: EmbeddingRequest, card: ModelCard): PreparedEmbedding {
  if (!card.capabilities.embeddings) {
    const reason = `"${card.name}" has no pooling, which makes one vector of many; start the server with the setting "pooling", or use an embedding model`
    throw fail('unsupported_value', { param: 'model', reason })
  }
  const dimensions = readDimensions(body, card)
  return {
    inputs: readInputs(body.input, card),
    format: {
      ...(dimensions !== undefined && { dimensions }),
      numbers: body.output_dtype ?? 'float',
      base64: body.encoding_format === 'base64',
    },
    ignored: ignoredFields(EmbeddingRequest, body, []),
  }
}

function readInputs(input: EmbeddingRequest['input'], card: ModelCard): EmbeddingCall['inputs'] {
  if (typeof input === 'string') return [checkInput(input, 'input', card)]
  const ids = input.filter((value) => typeof value === 'number')
  if (ids.length > 0) return [checkInput(ids, 'input', card)]
  if (input.length > maxInputs)
    throw fail('invalid_value', { param: 'input', reason: `it has more than ${maxInputs} texts` })
  return input.flatMap((value, index) =>
    typeof value === 'number' ? [] : [checkInput(value, `input[${index}]`, card)],
  )
}

/** Nothing has no vector; and ids outside the vocabulary would be read past its end. */
function checkInput(value: string | number[], param: string, card: ModelCard): string | number[] {
  if (value.length === 0) throw fail('invalid_value', { param, reason: 'it is empty' })
  if (typeof value === 'string') return value
  const index = value.findIndex((token) => token >= card.vocabularySize)
  if (index === -1) return value
  const reason = `there is no token ${value[index]}; this model has ${card.vocabularySize} tokens`
  throw fail('invalid_value', { param: `${param}[${index}]`, reason })
}

function readDimensions(body: EmbeddingRequest, card: ModelCard): number | undefined {
  const [openai, mistral] = [body.dimensions ?? undefined, body.output_dimension ?? undefined]
  if (openai !== undefined && mistral !== undefined && openai !== mistral) {
    const reason = `it is ${mistral}, but dimensions is ${openai}; send one of them`
    throw fail('invalid_value', { param: 'output_dimension', reason })
  }
  const dimensions = openai ?? mistral
  if (dimensions !== undefined && card.embeddingLength !== null && dimensions > card.embeddingLength) {
    const param = openai === undefined ? 'output_dimension' : 'dimensions'
    const reason = `it is ${dimensions}, and the vectors of "${card.name}" have ${card.embeddingLength} numbers`
    throw fail('invalid_value', { param, reason })
  }
  return dimensions
}
