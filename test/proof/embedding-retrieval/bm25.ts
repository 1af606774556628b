// BM25 with its usual constants over plain words: the ranking that vectors must be seen beside.
import type { Chunk, Question } from './chunks.ts'

const [saturation, lengthShare] = [1.2, 0.75]

/** Places of chunks, the best first, for each question. */
export function rankByWords(questions: readonly Question[], chunks: readonly Chunk[]): readonly (readonly number[])[] {
  const counts = chunks.map(({ text }) => countsOf(wordsOf(text)))
  const lengths = counts.map((count) => [...count.values()].reduce((sum, one) => sum + one, 0))
  const usual = lengths.reduce((sum, one) => sum + one, 0) / lengths.length
  const holders = countsOf(counts.flatMap((count) => [...count.keys()]))
  return questions.map((question) => {
    const scores = new Float64Array(chunks.length)
    for (const word of wordsOf(question.text)) {
      const holding = holders.get(word) ?? 0
      const weight = Math.log(1 + (chunks.length - holding + 0.5) / (holding + 0.5))
      for (const [place, count] of counts.entries()) {
        const times = count.get(word) ?? 0
        const length = 1 - lengthShare + (lengthShare * (lengths[place] ?? 0)) / usual
        if (times > 0)
          scores[place] = (scores[place] ?? 0) + (weight * times * (saturation + 1)) / (times + saturation * length)
      }
    }
    return chunks.map((_, place) => place).sort((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0))
  })
}

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? []
}

function countsOf(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}
