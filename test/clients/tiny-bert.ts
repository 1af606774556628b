// An embedding model of the BERT family, small enough to write in a moment: random weights, a vocabulary of a few words.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tinyBert } from '../support/gguf-models.ts'
import { wordPieceVocabulary } from '../support/gguf-vocabulary.ts'

/** Writes the model into a fresh temporary folder and returns its path. */
export async function writeTinyBert(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-bert-'))
  return tinyBert({ folder, vocabulary: wordPieceVocabulary(['hello', 'world', 'good', 'day', 'river', 'stone']) })
}
