// Pulls of weights on the wire, under our own path: what is asked for, and how far it is.
import { type Static, Type } from 'typebox'
import { nullable, timestamp } from './fields.ts'
import { listSchema } from './paging.ts'

/** `POST /galerne/v1/models/pull`. */
export const PullRequest = Type.Object(
  {
    model: Type.String({
      minLength: 1,
      maxLength: 2000,
      description:
        'A name of the catalogue, hf:owner/repository with or without :file.gguf or :Q4_K_M, ollama:name:tag, or an https address. Paths are taken from the command line only.',
    }),
    update: Type.Optional(
      Type.Boolean({
        description:
          'Asks the source also where weights are here. Other bytes become a version beside them, name@sha256:…, and what is served stays.',
      }),
    ),
    stream: Type.Optional(
      Type.Boolean({
        description: 'Events until the end (the default), or an answer at once with the pull under way.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** One pull. */
export const PullObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('pull'),
  model: Type.String({ description: 'As it was asked for.' }),
  status: Type.Enum(['running', 'done', 'failed', 'cancelled']),
  phase: Type.Enum(
    [
      'waiting',
      'connecting',
      'downloading',
      'retrying',
      'repairing',
      'unpacking',
      'converting',
      'copying',
      'verifying',
      'done',
    ],
    { description: 'What it is doing, or was doing when it ended.' },
  ),
  source: Type.String({ description: 'Where the bytes come from.' }),
  received_bytes: Type.Integer({ description: 'Of the phase.' }),
  total_bytes: nullable(Type.Integer()),
  bytes_per_second: Type.Integer(),
  seconds_left: nullable(Type.Integer()),
  reason: nullable(Type.String({ description: 'While retrying: what went wrong.' })),
  licence: nullable(
    Type.Object({
      name: Type.String(),
      url: nullable(Type.String()),
      forbids: Type.Array(Type.String(), { description: 'What the licence does not allow, a sentence each.' }),
    }),
  ),
  created_at: timestamp,
  ended_at: nullable(timestamp),
  result: nullable(
    Type.Object({
      name: Type.String({ description: 'The name to load it by.' }),
      bytes: Type.Integer(),
      sha256: nullable(Type.String()),
      fetched: Type.Boolean({ description: 'False where it was on this machine already.' }),
    }),
  ),
  error: nullable(Type.Object({ code: Type.String(), message: Type.String() })),
})

/** One pull. */
export type Pull = Static<typeof PullObject>

/** The pulls of this server since it started, the newest first. */
export const PullList = listSchema(PullObject)
