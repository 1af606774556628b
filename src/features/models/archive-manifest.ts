// What an archive of a model says of itself, and how its faults are told. Reads and writes nothing.

import { type Static, Type } from 'typebox'
import { fail } from '../../base/errors.ts'

/** The first member of every archive. */
export const manifestName = 'galerne-model.json'
/** A name that a file may have on every system. */
const segment = '[^./\\\\:*?"<>|\\x00-\\x1f\\x7f][^/\\\\:*?"<>|\\x00-\\x1f\\x7f]*'

/** What an archive says of itself. */
export const manifestSchema = Type.Object(
  {
    format: Type.Literal('galerne-model-1'),
    name: Type.String({ pattern: '^[^=\\x00-\\x1f\\x7f]{1,200}$' }),
    /** As it was pulled: what to serve it by. */
    reference: Type.String({ minLength: 1, maxLength: 1000 }),
    /** `digestOf` its files. */
    digest: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    files: Type.Array(
      Type.Object(
        {
          /** Path below the folder of models, with slashes. */
          file: Type.String({ pattern: `^(${segment}/)*${segment}\\.[gG][gG][uU][fF]$`, maxLength: 500 }),
          bytes: Type.Integer({ minimum: 1 }),
          sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 1000 },
    ),
  },
  { additionalProperties: false },
)

/** What an archive says of itself. */
export type ArchiveManifest = Static<typeof manifestSchema>

/** Told of bytes written or read so far. */
export type OnBytes = (done: number, total: number) => void

/** An archive that is not taken, with the reason. */
export const refused = (reason: string) => fail('invalid_value', { param: 'archive', reason })
