// LoRA adapters on the wire, under our own path.
import { type Static, Type } from 'typebox'
import { modelField, nullable } from './fields.ts'
import { listSchema } from './paging.ts'

const named = {
  model: modelField,
  name: Type.String({ minLength: 1, maxLength: 64, description: 'Name of the adapter.' }),
}

/** `POST /galerne/v1/adapters`. */
export const AdapterRequest = Type.Object(named, { additionalProperties: false })

/** One adapter. */
export const AdapterObject = Type.Object({
  object: Type.Literal('adapter'),
  id: Type.String({ description: 'What calls name as their model.' }),
  model: Type.String(),
  name: Type.String(),
  sha256: Type.String(),
  bytes: Type.Integer(),
  served: Type.Boolean({ description: 'Calls may use it now.' }),
  error: nullable(Type.Object({ code: Type.String(), message: Type.String() })),
})

/** One adapter. */
export type AdapterShown = Static<typeof AdapterObject>

/** The adapters of this machine. */
export const AdapterList = listSchema(AdapterObject)

/** What was removed. */
export const AdapterRemoved = Type.Object({
  object: Type.Literal('adapter.removed'),
  id: Type.String(),
})
