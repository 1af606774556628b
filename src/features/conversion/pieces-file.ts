// Reads SentencePiece's model files (protobuf). Knows neither GGUF nor what a piece becomes there.
// https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto

import protobuf from 'protobufjs/minimal.js'
import { refused } from './folder.ts'

/** The fields that are read, by their numbers. */
const fields = {
  ...{ pieces: 1, trainer: 2, normaliser: 3 },
  ...{ piece: 1, score: 2, kind: 3 },
  ...{ modelType: 3, replacements: 2, dummyPrefix: 3 },
}

/** SentencePiece's numbers of its kinds of model. */
const modelTypes = { unigram: 1, bpe: 2 } as const

/** What a file holds. */
export interface PiecesFile {
  readonly pieces: readonly Piece[]
  /** Whether a text gets a space before it. */
  readonly prefix: boolean
  /** The table of what letters become before a text is cut; empty without one. */
  readonly replacements: Uint8Array
}

/** A piece, by the file's order. */
export interface Piece {
  readonly text: string
  readonly score: number
  /** GGUF's numbers are the same. */
  readonly kind: number
}

/** Reads a file of one kind. Throws `invalid_value` with what is wrong. */
export function readPiecesFile(file: Uint8Array, where: string, wanted: keyof typeof modelTypes): PiecesFile {
  const pieces: Piece[] = []
  let [modelType, prefix, replacements] = [modelTypes.unigram as number, true, new Uint8Array(0)]
  try {
    for (const field of protobufFields(file)) {
      if (field.id === fields.pieces) pieces.push(readPiece(field.bytes))
      if (field.id === fields.trainer) modelType = numberIn(field.bytes, fields.modelType) ?? modelType
      if (field.id !== fields.normaliser) continue
      prefix = (numberIn(field.bytes, fields.dummyPrefix) ?? 1) !== 0
      for (const { id, bytes } of protobufFields(field.bytes))
        if (id === fields.replacements) replacements = Uint8Array.from(bytes)
    }
  } catch (error) {
    if (error instanceof RangeError || (error instanceof Error && error.message.startsWith('invalid wire type')))
      throw refused(where, 'it is not a SentencePiece file, or not whole')
    throw error
  }
  if (pieces.length === 0) throw refused(where, 'it holds no pieces')
  if (modelType !== modelTypes[wanted])
    throw refused(`${where}: model_type`, `it is ${modelType}, and ${modelTypes[wanted]} (${wanted}) is read`)
  return { pieces, prefix, replacements }
}

function readPiece(message: Uint8Array): Piece {
  let [text, score, kind] = ['', 0, 1]
  for (const { id, bytes, number } of protobufFields(message)) {
    if (id === fields.piece) text = Buffer.from(bytes).toString('utf8')
    if (id === fields.score) score = number
    if (id === fields.kind) kind = number
  }
  if (kind < 1 || kind > 6) throw new RangeError(`kind ${kind}`)
  return { text, score, kind }
}

function numberIn(message: Uint8Array, id: number): number | undefined {
  for (const field of protobufFields(message)) if (field.id === id) return field.number
  return undefined
}

interface ProtobufField {
  readonly id: number
  readonly number: number
  readonly bytes: Uint8Array
}

/** The fields of a message, in order; throws a RangeError where it ends too early. Fixed fields of four bytes are floats here. */
function* protobufFields(message: Uint8Array): Generator<ProtobufField> {
  const reader = protobuf.Reader.create(message)
  const none = new Uint8Array(0)
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    const id = tag >>> 3
    switch (tag & 7) {
      case 0:
        yield { id, number: reader.int32(), bytes: none }
        break
      case 2:
        yield { id, number: 0, bytes: reader.bytes() }
        break
      case 5:
        yield { id, number: reader.float(), bytes: none }
        break
      default:
        reader.skipType(tag & 7)
    }
  }
}
