// Uploads in parts, OpenAI's shape.
import { Type } from 'typebox'
import { idField, nullable, optional, searchText, timestamp } from './fields.ts'
import { FileObject, purposes } from './files.ts'

/** What a file that will arrive in parts is. */
export const CreateUpload = Type.Object({
  filename: Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000-\\u001f]*$' }),
  purpose: Type.Enum([...purposes]),
  bytes: Type.Integer({ minimum: 0, description: 'Length of the whole file.' }),
  mime_type: searchText(200),
  expires_after: optional(
    Type.Object({
      anchor: Type.Literal('created_at'),
      seconds: Type.Integer({ minimum: 3600, maximum: 2_592_000 }),
    }),
  ),
})

/** An upload and how far it is. */
export const UploadObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('upload'),
  bytes: Type.Integer(),
  created_at: timestamp,
  expires_at: timestamp,
  filename: Type.String(),
  purpose: Type.String(),
  status: Type.Enum(['pending', 'completed', 'cancelled', 'expired']),
  file: nullable(FileObject),
})

/** The form of a part. */
export const PartForm = Type.Object({
  data: Type.Unsafe<string>({ type: 'string', format: 'binary', description: 'Up to 64 MiB of the file.' }),
})

/** A part that has arrived. */
export const PartObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('upload.part'),
  created_at: timestamp,
  upload_id: Type.String(),
})

/** How the parts make the file. */
export const CompleteUpload = Type.Object({
  part_ids: Type.Array(idField, { maxItems: 10_000 }),
  md5: optional(Type.String({ pattern: '^[0-9a-fA-F]{32}$' })),
})
