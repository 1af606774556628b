// Works on JSON as text, so that numbers, key order and escapes survive: finds where a value ends, takes an object apart, and writes it anew.

const token = /"(?:[^"\\]|\\.)*"|-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)|NaN|true|false|null|[{}[\],:]/gsu

/** Finds the end of one object or array that arrives in pieces. Looks at brackets and strings only; the text is validated when it is whole. */
export class JsonEnd {
  private depth = 0
  private inString = false
  private escaped = false

  /** Reads on; returns the index after the value's last character in `text`, or -1 while it is open. The first character read must open the value. */
  read(text: string): number {
    for (let index = 0; index < text.length; index++) {
      const character = text[index]
      if (this.inString) {
        if (this.escaped) this.escaped = false
        else if (character === '\\') this.escaped = true
        else if (character === '"') this.inString = false
      } else if (character === '"') this.inString = true
      else if (character === '{' || character === '[') this.depth++
      else if (character === '}' || character === ']') {
        this.depth--
        if (this.depth <= 0) return index + 1
      }
    }
    return -1
  }
}

/** Whether the text is JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Whether the text is JSON of an object. */
export function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

/** The members of a JSON object as texts; undefined when the text is no object. A repeated key keeps its last value, as in `JSON.parse`. */
export function objectMembers(text: string): ReadonlyMap<string, string> | undefined {
  if (!isJsonObject(text)) return undefined
  const members = new Map<string, string>()
  const pieces = [...text.matchAll(token)]
  let depth = 0
  let key: string | undefined
  let from = 0
  for (const piece of pieces) {
    const [mark] = piece
    if (depth === 1 && key === undefined && mark.startsWith('"')) key = JSON.parse(mark) as string
    else if (depth === 1 && mark === ':') from = piece.index + 1
    else if (depth === 1 && (mark === ',' || mark === '}')) {
      if (key !== undefined) members.set(key, text.slice(from, piece.index).trim())
      key = undefined
    }
    if (mark === '{' || mark === '[') depth++
    if (mark === '}' || mark === ']') depth--
  }
  return members
}

/** JSON, or the beginning of it, without the whitespace between its tokens; the tokens themselves stay as they are. */
export function compactJson(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*(?:"|\\?$))|\s+/gsu, (_, quoted: string | undefined) => quoted ?? '')
}

/**
 * JSON text as Python's `json.dumps(json.loads(text), ensure_ascii=False)` writes it: Mistral's models were trained on that form.
 * Returns undefined where Python could not read it. `NaN` and `Infinity` count as JSON there.
 */
export function pythonJson(text: string): string | undefined {
  const readable = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/gsu, (piece) => (piece.startsWith('"') ? piece : '0'))
  try {
    JSON.parse(readable)
  } catch {
    return undefined
  }
  return [...text.matchAll(token)]
    .map(([piece]) => {
      if (piece === ',' || piece === ':') return `${piece} `
      if (piece.startsWith('"')) return JSON.stringify(JSON.parse(piece))
      return /^-?\d/.test(piece) ? pythonNumber(piece) : piece
    })
    .join('')
}

/** A JSON value as Python's `json.dumps(value, ensure_ascii=False)` writes it. A number that was `1.0` on the wire is `1` here: parsing lost it. */
export function pythonJsonOf(value: unknown): string {
  return pythonJson(JSON.stringify(value)) ?? 'null'
}

/** Python keeps integers as they are and prints floats by their shortest digits, with an exponent from 1e16 and below 1e-4. */
function pythonNumber(text: string): string {
  if (!/[.eE]/.test(text)) return text === '-0' ? '0' : text
  const value = Number(text)
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const [mantissa = '', exponentText = '0'] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  if (exponent >= 16 || exponent < -4) {
    const digits = Math.abs(exponent).toString().padStart(2, '0')
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`
  }
  const plain = value.toFixed(Math.max(1, mantissa.replace(/[-.]/g, '').length - 1 - exponent))
  return plain
}
