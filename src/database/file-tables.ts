// The tables of files and batches as Kysely sees them. Times are integer milliseconds since 1970, money integer nano-units, JSON text.

/** Bytes in the file store. Equal bytes are stored once; the last user's release removes them. */
export interface ContentsTable {
  /** Where they lie in the store: never used twice, so that removing old bytes cannot meet new ones. */
  key: string
  /** SHA-256, 64 hexadecimal digits, unique. */
  hash: string
  bytes: number
  /** Files, upload parts and batches that name them. */
  uses: number
  created_at: number
}

/** Files of a workspace. */
export interface FilesTable {
  id: string
  workspace: string
  /** Id of the person who uploaded it, or of the key where there is none behind it. */
  owner: string
  filename: string
  purpose: string
  sample_type: string
  source: string
  /** `workspace`, or `user`: for the owner alone. */
  visibility: string
  mimetype: string
  bytes: number
  /** Lines that hold something, where the purpose wants JSONL. */
  lines: number | null
  /** Key of its contents. */
  content: string
  hash: string
  /** What its signed addresses are signed with. */
  link_secret: string
  created_at: number
  expires_at: number | null
}

/** Files that arrive in parts. */
export interface UploadsTable {
  id: string
  workspace: string
  owner: string
  filename: string
  purpose: string
  mimetype: string
  /** As announced; the parts must add up to it. */
  bytes: number
  status: 'pending' | 'completed' | 'cancelled' | 'expired'
  /** Id of the file that was made of it. */
  file: string | null
  /** Milliseconds that the file lives. */
  file_expires_after: number | null
  created_at: number
  expires_at: number
}

/** Parts of uploads, in the order in which they arrived. */
export interface UploadPartsTable {
  id: string
  upload: string
  bytes: number
  content: string
  created_at: number
}

/** Batches of both dialects. What is worked on is in `batch_lines`. */
export interface BatchesTable {
  id: string
  workspace: string
  owner: string
  /** Id of the key that made it; its lines are called on its behalf. */
  key: string
  /** JSON: the models that the key may use; null: all. */
  access: string | null
  /** Whose shape its lines and results have. */
  dialect: 'openai' | 'mistral'
  endpoint: string
  /** For lines that name none (Mistral). */
  model: string | null
  status: BatchStatus
  /** JSON: keys of the contents that hold its lines, counted as used until it has ended. */
  inputs: string
  /** JSON: ids of the files those were. */
  input_files: string
  /** JSON. */
  metadata: string | null
  completion_window: string
  /** Milliseconds that its results live. */
  output_expires_after: number | null
  /** JSON: what is wrong with its lines, or a tally of what went wrong. */
  errors: string | null
  output_file: string | null
  error_file: string | null
  /** Id of its job in the queue. */
  job: string
  /** 1: it goes as soon as nobody works on it any more. */
  deleted: number
  total: number
  succeeded: number
  failed: number
  input_tokens: number
  cached_tokens: number
  output_tokens: number
  reasoning_tokens: number
  /** Of all calls for lines that are settled, attempts that failed among them. Nano-units. */
  cost: number
  /** Null until something was counted. */
  currency: string | null
  created_at: number
  /** When its time is over. */
  expires_at: number
  started_at: number | null
  finalizing_at: number | null
  cancelling_at: number | null
  /** When it was completed, or failed, expired or was cancelled: the status says which. */
  ended_at: number | null
}

/** How a batch stands, in OpenAI's words. */
export type BatchStatus =
  | 'validating'
  | 'failed'
  | 'in_progress'
  | 'finalizing'
  | 'completed'
  | 'expired'
  | 'cancelling'
  | 'cancelled'

/** A batch's metadata, to find it by. */
export interface BatchMetadataTable {
  batch: string
  name: string
  value: string
}

/** Lines of batches that have not ended. */
export interface BatchLinesTable {
  batch: string
  /** 1 for the first line of the first input. */
  number: number
  /** Null where the caller gave none (Mistral). */
  custom_id: string | null
  /** Which of the batch's inputs holds it, and where. */
  input: number
  start: number
  bytes: number
  /** The very version that answers, `name@sha256:…` where its digest is known. */
  model: string
  /** Lines that begin alike have ranks that sort together. */
  rank: string
  state: 'waiting' | 'succeeded' | 'failed'
  /** Attempts that failed. */
  attempts: number
  /** JSON: its line in the results. */
  output: string | null
  /** What went wrong, for the tally. */
  error: string | null
}

/** The tables of files and batches. */
export interface FileTables {
  contents: ContentsTable
  files: FilesTable
  uploads: UploadsTable
  upload_parts: UploadPartsTable
  batches: BatchesTable
  batch_metadata: BatchMetadataTable
  batch_lines: BatchLinesTable
}
