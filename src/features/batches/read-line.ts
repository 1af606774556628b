// Reads one line of an input: its id, what it asks for, and what is wrong with it. Both dialects' lines, one form. Pure.
import { readObject } from '../files/lines.ts'

/** A line that can be worked on. */
export interface LineRequest {
  /** Null where the caller gave none (Mistral). */
  readonly customId: string | null
  readonly model: string
  readonly body: Record<string, unknown>
}

/** What a line may not be, in OpenAI's words: `code`, the field at fault, and why. */
export class LineFault extends Error {
  readonly code: string
  readonly param: string | null

  constructor(code: string, param: string | null, message: string) {
    super(message)
    this.code = code
    this.param = param
  }
}

/** What the batch says of all its lines. */
export interface LineFrame {
  readonly dialect: 'openai' | 'mistral'
  readonly endpoint: string
  /** For lines that name none. */
  readonly model: string | null
}

const longestId = 512

/** The request of a line; undefined for a line of white space. Throws a `LineFault`. */
export function readLine(bytes: Buffer, frame: LineFrame): LineRequest | undefined {
  const line = parse(bytes)
  if (line === undefined) return undefined
  const { body } = line
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw missing('body', body, 'an object: the request')
  }
  const customId = readCustomId(line['custom_id'], frame)
  checkTarget(line, frame)
  const request = body as Record<string, unknown>
  const model = request['model'] ?? frame.model
  if (typeof model !== 'string' || model === '') throw missing('body.model', model, 'the name of a model')
  return { customId, model, body: { ...request, model } }
}

function parse(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    return readObject(bytes)
  } catch (error) {
    throw new LineFault('invalid_json_line', null, `This line is not valid: ${(error as Error).message}.`)
  }
}

function readCustomId(value: unknown, { dialect }: LineFrame): string | null {
  if ((value === undefined || value === null) && dialect === 'mistral') return null
  if (typeof value !== 'string' || value === '') throw missing('custom_id', value, 'a text of your own')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused.
  if (value.length > longestId || /[\u0000-\u001f\u007f]/.test(value) || !value.isWellFormed()) {
    const message = `"custom_id" must have at most ${longestId} characters, whole ones, and no control characters.`
    throw new LineFault('invalid_custom_id', 'custom_id', message)
  }
  return value
}

/** OpenAI's lines name method and path; where they do, they must be the batch's. */
function checkTarget(line: Record<string, unknown>, { dialect, endpoint }: LineFrame): void {
  const { method, url } = line
  if (dialect === 'mistral' && method === undefined && url === undefined) return
  if (method === undefined && dialect === 'openai') throw missing('method', method, '"POST"')
  if (method !== undefined && method !== 'POST') {
    throw new LineFault('invalid_method', 'method', '"method" must be "POST".')
  }
  if (url === undefined && dialect === 'openai') throw missing('url', url, `"${endpoint}"`)
  if (url !== undefined && url !== endpoint) {
    const message = `"url" must be "${endpoint}", the endpoint of this batch.`
    throw new LineFault('mismatched_url', 'url', message)
  }
}

function missing(param: string, value: unknown, wanted: string): LineFault {
  const absent = value === undefined || value === null
  const code = absent ? 'missing_required_parameter' : 'invalid_request'
  return new LineFault(code, param, `"${param}" ${absent ? 'is missing' : 'is not valid'}: it must be ${wanted}.`)
}
