// What is shared by link, on the wire, under our own path: something of the console that others of the workspace may open for a while.
import { type Static, Type } from 'typebox'
import { optional, timestamp } from './fields.ts'
import { listSchema } from './paging.ts'
import { seconds } from './times.ts'

const title = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\u0000]*$',
  description: 'For people, to tell shares apart.',
})

/** The longest `content`, as JSON text. */
export const mostContent = 512 * 1024

/** `POST /galerne/v1/shares`. */
export const CreateShareRequest = Type.Object(
  {
    title,
    content: Type.Object({}, { additionalProperties: true, description: 'What is shared; at most 512 KiB of JSON.' }),
    expires_in_seconds: optional(
      Type.Integer({ minimum: 60, maximum: 31_536_000, description: 'How long it may be opened; 30 days without it.' }),
    ),
  },
  { additionalProperties: false },
)

/** A share without what is in it. */
export const ShareObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('share'),
  title: Type.String(),
  workspace: Type.String(),
  created_by: Type.String({ description: 'Id of the person, or of the key where there is none behind it.' }),
  created_at: timestamp,
  expires_at: timestamp,
})

/** A share whole. */
export const OpenShareObject = Type.Object({
  ...ShareObject.properties,
  content: Type.Object({}, { additionalProperties: true }),
})

/** The shares of a workspace that can still be opened, the newest first. */
export const ShareList = listSchema(ShareObject)

/** What remains of a removed share. */
export const DeletedShare = Type.Object({
  id: Type.String(),
  object: Type.Literal('share'),
  deleted: Type.Literal(true),
})

/** What `shareObject` reads. Times are milliseconds since 1970. */
export interface ShareFacts {
  readonly id: string
  readonly title: string
  readonly workspace: string
  readonly owner: string
  readonly created_at: number
  readonly expires_at: number
}

/** A share as the API lists it. */
export function shareObject(share: ShareFacts): Static<typeof ShareObject> {
  return {
    ...{ id: share.id, object: 'share', title: share.title, workspace: share.workspace, created_by: share.owner },
    ...{ created_at: seconds(share.created_at), expires_at: seconds(share.expires_at) },
  }
}
