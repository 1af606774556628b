// Files in the shape that both vendors' clients read, and what may be said of one when it is uploaded or listed.
import { type Static, Type } from 'typebox'
import { nullable, searchText, timestamp } from './fields.ts'
import { flag, listSchema, pagingFields, repeated } from './paging.ts'
import { seconds } from './times.ts'

/** What a file is for: both vendors' words. Files of the last three kinds are made by the server. */
export const purposes = ['batch', 'fine-tune', 'ocr', 'audio', 'assistants', 'vision', 'user_data', 'evals'] as const

/** What a caller may upload a file for. */
export type Purpose = (typeof purposes)[number]

/** A file as the API shows it. */
export const FileObject = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('file'),
    bytes: Type.Integer(),
    created_at: timestamp,
    expires_at: nullable(timestamp),
    filename: Type.String(),
    purpose: Type.String(),
    status: Type.Literal('processed'),
    status_details: Type.Null(),
    sample_type: Type.String({ description: 'Mistral: batch_request, batch_result, batch_error, instruct, …' }),
    source: Type.String({ description: 'Mistral: upload, or mistral for what the server made.' }),
    num_lines: nullable(Type.Integer({ description: 'Lines that hold something, for JSONL.' })),
    mimetype: nullable(Type.String()),
    signature: nullable(Type.String()),
    visibility: Type.String({ description: 'workspace, or user: for who uploaded it alone.' }),
    deleted: Type.Literal(false),
  },
  { $id: 'File' },
)

/** A page of files. */
export const FileList = listSchema(FileObject)

/** The form of an upload. It is read as it arrives, in any order of its fields. */
export const FileForm = Type.Object({
  file: Type.Unsafe<string>({ type: 'string', format: 'binary', description: 'The file, with its name.' }),
  purpose: Type.Optional(
    Type.Enum([...purposes], { description: 'fine-tune without it. Files for batch and fine-tune must be JSONL.' }),
  ),
  expiry: Type.Optional(Type.Integer({ description: 'Mistral: hours until the file is deleted.', minimum: 1 })),
  visibility: Type.Optional(Type.Enum(['workspace', 'user'], { description: 'Mistral; workspace without it.' })),
  'expires_after[anchor]': Type.Optional(Type.Literal('created_at')),
  'expires_after[seconds]': Type.Optional(Type.Integer({ minimum: 3600, maximum: 2_592_000 })),
})

const word = searchText(200)

/** What a list of files may be asked for: Mistral's filters and OpenAI's. */
export const FileQuery = Type.Object({
  ...pagingFields,
  include_total: Type.Optional(flag),
  order: Type.Optional(Type.Enum(['asc', 'desc'])),
  purpose: Type.Optional(word),
  sample_type: repeated(word),
  source: repeated(word),
  search: Type.Optional(searchText(200)),
  mimetypes: repeated(word),
})

/** The query of a list. */
export type FileQuery = Static<typeof FileQuery>

/** What remains of a deleted file. */
export const DeletedFile = Type.Object({ id: Type.String(), object: Type.Literal('file'), deleted: Type.Literal(true) })

/** An address that opens a file without a key. */
export const SignedUrl = Type.Object({ url: Type.String() })

/** What `fileObject` reads. Times are milliseconds since 1970. */
export interface FileFacts {
  readonly id: string
  readonly bytes: number
  readonly created_at: number
  readonly expires_at: number | null
  readonly filename: string
  readonly purpose: string
  readonly sample_type: string
  readonly source: string
  readonly lines: number | null
  readonly mimetype: string
  readonly visibility: string
  readonly hash: string
}

/** A file as the API shows it. */
export function fileObject(file: FileFacts): Static<typeof FileObject> {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: seconds(file.created_at),
    expires_at: file.expires_at === null ? null : seconds(file.expires_at),
    filename: file.filename,
    purpose: file.purpose,
    status: 'processed',
    status_details: null,
    sample_type: file.sample_type,
    source: file.source,
    num_lines: file.lines,
    mimetype: file.mimetype,
    // Mistral's is as long; a part of the hash tells two contents apart.
    signature: file.hash.slice(0, 16),
    visibility: file.visibility,
    deleted: false,
  }
}
