// Vectors of texts over the server's API, long ones in pieces, as an application would make them.
import type { RunningProduct } from '../../support/product.ts'

/** What the model was made for, with the marks at both ends. */
const longest = 256
const atOnce = 64

/** A vector of length 1 for each text, and how many texts were cut. */
export async function embedTexts(
  product: RunningProduct,
  model: string,
  texts: readonly string[],
): Promise<{ readonly vectors: readonly (readonly number[])[]; readonly split: number }> {
  const pieces: number[][][] = []
  for (const prompt of texts) {
    const { tokens } = await post<{ tokens: number[] }>(product, '/tokenize', { model, prompt })
    pieces.push(cut(tokens))
  }
  const inputs = pieces.flat()
  const embedded: number[][] = []
  for (let start = 0; start < inputs.length; start += atOnce) {
    const input = inputs.slice(start, start + atOnce)
    const { data } = await post<{ data: { embedding: number[] }[] }>(product, '/v1/embeddings', { model, input })
    embedded.push(...data.map(({ embedding }) => embedding))
  }
  let next = 0
  const vectors = pieces.map((own) => meanOf(own.map(() => embedded[next++] ?? [])))
  return { vectors, split: pieces.filter((own) => own.length > 1).length }
}

/** Equal pieces, each between the marks of the whole. */
function cut(tokens: readonly number[]): number[][] {
  const [first = 0, last = 0] = [tokens[0], tokens.at(-1)]
  const inner = tokens.slice(1, -1)
  const count = Math.max(1, Math.ceil(inner.length / (longest - 2)))
  const place = (piece: number) => Math.round((piece * inner.length) / count)
  return Array.from({ length: count }, (_, piece) => [first, ...inner.slice(place(piece), place(piece + 1)), last])
}

function meanOf(vectors: readonly (readonly number[])[]): readonly number[] {
  const sum = (vectors[0] ?? []).map((_, place) => vectors.reduce((total, vector) => total + (vector[place] ?? 0), 0))
  const length = Math.hypot(...sum)
  return sum.map((value) => value / length)
}

async function post<T>(product: RunningProduct, path: string, body: unknown): Promise<T> {
  const response = await fetch(`${product.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${product.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}
