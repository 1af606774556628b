// Chunks of documents, and which of them answer a question. Offsets are characters as Python counts them: code points.

/** A piece of a document. */
export interface Chunk {
  readonly corpus: string
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A question with the spans of its document that answer it. */
export interface Question {
  readonly text: string
  readonly corpus: string
  readonly spans: readonly (readonly [start: number, end: number])[]
}

const size = 1600

/** The document in pieces of 1,600 characters, the last one shorter. */
export function chunksOf(corpus: string, document: string): readonly Chunk[] {
  const characters = Array.from(document)
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, index) => {
    const [start, end] = [index * size, Math.min(characters.length, (index + 1) * size)]
    return { corpus, start, end, text: characters.slice(start, end).join('') }
  })
}

/** Places of the chunks that hold at least half of one of the question's spans. */
export function relevantChunks(question: Question, chunks: readonly Chunk[]): ReadonlySet<number> {
  const found = new Set<number>()
  for (const [place, chunk] of chunks.entries()) {
    if (chunk.corpus !== question.corpus) continue
    const holds = question.spans.some(([start, end]) => {
      const held = Math.min(end, chunk.end) - Math.max(start, chunk.start)
      return held > 0 && held * 2 >= end - start
    })
    if (holds) found.add(place)
  }
  return found
}
