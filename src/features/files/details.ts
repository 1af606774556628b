// What a file is, from what its uploader says of it: both vendors' kinds, its type, how long it lives. Pure.
import { fail } from '../../base/errors.ts'
import { type Purpose, purposes } from '../../wire/files.ts'
import type { FileDetails } from './files.ts'
import { ownerOf, type Viewer } from './store.ts'

/** What an uploader says. */
export interface Described {
  readonly filename: string
  readonly purpose: string
  readonly mimetype: string
  readonly visibility?: 'workspace' | 'user'
  /** Milliseconds that the file lives; null: until it is deleted. */
  readonly file_expires_after: number | null
}

// Mistral knows datasets, batches and documents; OpenAI's other purposes are documents to it.
const sampleTypes: Readonly<Record<Purpose, string>> = {
  batch: 'batch_request',
  'fine-tune': 'instruct',
  evals: 'instruct',
  ocr: 'ocr_input',
  audio: 'audio',
  assistants: 'ocr_input',
  vision: 'ocr_input',
  user_data: 'ocr_input',
}

/** The row's part that the uploader decides. Throws a 400 for a purpose that there is not. */
export function detailsOf(viewer: Viewer, described: Described, now: number): FileDetails {
  const { filename, mimetype, visibility = 'workspace', file_expires_after: life } = described
  const purpose = purposes.find((known) => known === described.purpose)
  if (purpose === undefined) {
    throw fail('invalid_value', { param: 'purpose', reason: `it must be one of ${purposes.join(', ')}` })
  }
  return {
    workspace: viewer.workspace,
    owner: ownerOf(viewer),
    filename,
    purpose,
    sample_type: sampleTypes[purpose],
    source: 'upload',
    visibility,
    mimetype,
    expires_at: life === null ? null : now + life,
  }
}

/** Whether a file for this must be JSONL. */
export function isJsonl(purpose: string | undefined): boolean {
  return purpose === 'batch' || purpose === 'fine-tune'
}

// Clients send most files as application/octet-stream; the name knows better.
const mimeTypes: Readonly<Record<string, string>> = {
  jsonl: 'application/jsonl',
  json: 'application/json',
  csv: 'text/csv',
  txt: 'text/plain',
  md: 'text/markdown',
  pdf: 'application/pdf',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
}

/** The type of a file by its name, else as it was sent. */
export function mimeTypeOf(filename: string, sent: string): string {
  const ending = /\.([a-z0-9]+)$/i.exec(filename)?.[1]?.toLowerCase() ?? ''
  const known = mimeTypes[ending]
  if (known !== undefined) return known
  return /^[\w.+-]+\/[\w.+-]+$/.test(sent) ? sent.toLowerCase() : 'application/octet-stream'
}
