// Where the models of this machine are in their lives, on the wire under our own path: loaded, loading, waiting for room, on disk.
import { type Static, Type } from 'typebox'
import { modelField, nullable, optional } from './fields.ts'
import { listSchema } from './paging.ts'

const place = {
  pinned: Type.Optional(Type.Boolean({ description: 'Never unloaded to make room for another model.' })),
  priority: Type.Optional(
    Type.Integer({ minimum: -1_000_000, maximum: 1_000_000, description: 'Higher is unloaded later.' }),
  ),
  idle_timeout: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 31_536_000,
      description: 'Seconds without a request after which it is unloaded; 0: never.',
    }),
  ),
}

/** `POST /galerne/v1/models/load`. */
export const LoadRequest = Type.Object(
  {
    model: Type.String({
      minLength: 1,
      maxLength: 2000,
      description: 'Name or alias of a model that is served, or what weights on this disk were pulled by.',
    }),
    ...place,
    stream: optional(Type.Boolean({ description: 'Events with the progress in place of one answer at the end.' })),
  },
  { additionalProperties: false },
)

/** `POST /galerne/v1/models/unload`. */
export const UnloadRequest = Type.Object({ model: modelField }, { additionalProperties: false })

/** `POST /galerne/v1/models/pin`. */
export const PinRequest = Type.Object({ model: modelField, ...place }, { additionalProperties: false })

/** `POST /galerne/v1/models/remove`. */
export const RemoveRequest = Type.Object(
  {
    model: Type.String({
      minLength: 1,
      maxLength: 2000,
      description: 'Name of a stored model, one version of it (name@sha256:…), or what it was pulled by.',
    }),
    force: optional(Type.Boolean({ description: 'Also where an alias leads to it.' })),
  },
  { additionalProperties: false },
)

/** `POST /galerne/v1/models/prune`. */
export const PruneRequest = Type.Object(
  {
    unused: optional(Type.Boolean({ description: 'Weights that no model of this server uses, too.' })),
  },
  { additionalProperties: false },
)

/** One model of this machine. */
export const ModelStateObject = Type.Object({
  object: Type.Literal('model.state'),
  model: Type.String(),
  digest: nullable(Type.String(), { description: 'Of its weights, sha256:….' }),
  state: Type.Enum(['unloaded', 'loading', 'ready', 'draining'], {
    description: '`draining`: requests at work end before it is unloaded.',
  }),
  progress: nullable(Type.Number({ description: 'While loading: 0 to 1.' })),
  pinned: Type.Boolean(),
  priority: Type.Integer(),
  idle_timeout: Type.Integer({ description: 'Seconds; 0: never unloaded for being idle.' }),
  idle_seconds: nullable(Type.Integer({ description: 'While loaded: since the last request ended.' })),
  running: Type.Integer({ description: 'Requests at work.' }),
  waiting: Type.Integer({ description: 'Requests that wait for it to be loaded.' }),
  streams: Type.Integer(),
  context_length: Type.Integer(),
  threads: Type.Integer(),
  memory_bytes: Type.Integer({ description: 'What it takes, or would take, by its plan.' }),
  load_seconds: Type.Number({ description: 'What loading it took the last time, or is guessed to take.' }),
  loads: Type.Integer({ description: 'How often it was loaded since the server started.' }),
  restarts: Type.Integer(),
  reduced: Type.Array(Type.String(), { description: 'Plans that found too little memory before the present one.' }),
  error: nullable(Type.Object({ code: Type.String(), message: Type.String() })),
})

/** One model of this machine. */
export type ModelStateShown = Static<typeof ModelStateObject>

/** The models of this machine. */
export const ModelStateList = Type.Object({
  ...listSchema(ModelStateObject).properties,
  memory_bytes: Type.Integer({ description: 'What all models together may take.' }),
})

/** Weights on this disk. */
export const StoredModelObject = Type.Object({
  object: Type.Literal('model.stored'),
  name: Type.String(),
  reference: Type.String({ description: 'What it was pulled by.' }),
  source: Type.String(),
  bytes: Type.Integer(),
  digest: nullable(Type.String(), { description: 'sha256:…; of several files, the hash of their hashes.' }),
  files: Type.Array(
    Type.Object({
      path: Type.String({ description: 'Below the folder of models.' }),
      bytes: Type.Integer(),
      sha256: Type.String(),
    }),
  ),
  shared: Type.Boolean({ description: "It lies in Hugging Face's cache, which others use too." }),
  served: Type.Boolean({ description: 'A model of this server uses it.' }),
})

/** The weights on this disk. */
export const StoredModelList = listSchema(StoredModelObject)

/** What was removed. */
export const RemovedObject = Type.Object({
  object: Type.Literal('model.removed'),
  files: Type.Array(Type.String()),
  freed_bytes: Type.Integer(),
  kept: Type.Array(Type.String({ description: 'Files that others on this machine brought, and keep.' })),
})

/** What was removed. */
export type Removed = Static<typeof RemovedObject>

/** Lines that a model's engine wrote last. */
export const ModelLog = Type.Object({
  object: Type.Literal('list'),
  model: Type.String(),
  data: Type.Array(
    Type.Object({
      at: Type.Integer({ description: 'Milliseconds since 1970.' }),
      level: Type.Enum(['debug', 'info', 'warn', 'error']),
      line: Type.String(),
    }),
    { description: 'The last 500, the oldest first.' },
  ),
})

/** Whose log. */
export const ModelLogQuery = Type.Object({ model: Type.String({ minLength: 1, maxLength: 512 }) })
