// The bytes of every token of a GGUF file with a byte-level BPE vocabulary, for tests and proofs that hold answers to grammars.

import { gguf } from '@huggingface/gguf'
import type { GuidanceVocabulary } from '../../../src/engine/child/guidance.ts'

/** What `Guidance.start` takes, and the ids of the control tokens by text. */
export interface TestVocabulary extends GuidanceVocabulary {
  readonly controlTokens: ReadonlyMap<string, number>
}

/** GPT-2's table of printable stand-ins: bytes that print stand for themselves, the others for U+0100 and up. */
function byteOfCharacter(): ReadonlyMap<string, number> {
  const table = new Map<string, number>()
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) {
    const prints = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
    table.set(String.fromCodePoint(prints ? byte : next++), byte)
  }
  return table
}

const controlType = 3

/** Reads the vocabulary of a local GGUF whose tokens are written in GPT-2's stand-ins. */
export async function readVocabulary(path: string): Promise<TestVocabulary> {
  const metadata: Record<string, unknown> = { ...(await gguf(path, { allowLocalFile: true })).metadata }
  const texts = metadata['tokenizer.ggml.tokens'] as readonly string[]
  const types = metadata['tokenizer.ggml.token_type'] as readonly number[]
  const bytes = byteOfCharacter()
  const controlTokens = new Map<string, number>()
  const tokens = texts.map((text, id) => {
    if (types[id] === controlType) {
      controlTokens.set(text, id)
      return Buffer.from(text)
    }
    return Uint8Array.from(text, (character) => {
      const byte = bytes.get(character)
      if (byte === undefined) throw new Error(`token ${id} has a character outside GPT-2's table`)
      return byte
    })
  })
  return {
    tokens,
    control: new Set(controlTokens.values()),
    controlTokens,
    endOfSequence: [Number(metadata['tokenizer.ggml.eos_token_id'])],
  }
}
