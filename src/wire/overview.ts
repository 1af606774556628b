// What a server is doing now, for the console's first page: one row a model, with counters whose differences are rates.
import { Type } from 'typebox'
import { nullable } from './fields.ts'

/** `GET /galerne/v1/overview`. */
export const OverviewObject = Type.Object({
  object: Type.Literal('overview'),
  /** Milliseconds since 1970 on the server, so that rates need no clock of the reader. */
  at: Type.Integer({ description: 'When this was read, in milliseconds since 1970.' }),
  version: Type.String(),
  resident_bytes: Type.Integer({ description: 'Memory of the server process; engines are processes of their own.' }),
  models: Type.Array(
    Type.Object({
      model: Type.String(),
      context_length: Type.Integer({ description: 'Tokens that one request may hold.' }),
      streams: Type.Integer({ description: 'Answers it can write at once.' }),
      running: Type.Integer({ description: 'Answers being written.' }),
      waiting: Type.Integer({ description: 'Calls in line.' }),
      kv_use: Type.Number({ description: 'Fraction of the key-value cache in use, 0 to 1.' }),
      prompt_tokens: Type.Integer({ description: 'Prompt tokens since the engine started.' }),
      cached_tokens: Type.Integer({ description: 'Of them, taken from the prefix cache.' }),
      generated_tokens: Type.Integer({ description: 'Tokens generated since the engine started.' }),
      memory_bytes: nullable(Type.Integer({ description: 'What it takes by its plan; null: it runs elsewhere.' })),
      restarts: Type.Integer({ description: 'Starts after a crash.' }),
    }),
  ),
})
