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

/** Where a chunk may end. */
const sentenceEnds = ['. ', '? ', '! ', '\n']

/**
 * The document in pieces of 1,600 characters, the last one shorter; with `sentences` each ends behind the last sentence or line that
 * ends within them.
 */
export function chunksOf(corpus: string, document: string, { sentences = false } = {}): readonly Chunk[] {
  const characters = Array.from(document)
  const chunks: Chunk[] = []
  for (let start = 0; start < characters.length; ) {
    const window = characters.slice(start, start + size)
    const whole = start + window.length === characters.length
    const end = start + (sentences && !whole ? lastEnd(window) : window.length)
    chunks.push({ corpus, start, end, text: characters.slice(start, end).join('') })
    start = end
  }
  return chunks
}

/** How many characters of a window a chunk takes. */
function lastEnd(window: readonly string[]): number {
  for (let end = window.length; end > 1; end--)
    if (sentenceEnds.some((text) => window.slice(end - text.length, end).join('') === text)) return end
  return window.length
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
