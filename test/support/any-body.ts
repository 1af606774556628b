// Request bodies that are nearly right: each field may be missing, null, what it should be, or any JSON at all.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ErrorBody } from '../../src/wire/failure.ts'
import { send } from './http-client.ts'
import { assertKeepsSchema } from './schemas.ts'
import type { RunningServer } from './server.ts'

/** Bodies of these fields; `model` is there and right most of the time, so that the rest is looked at. */
export function anyBody(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<object> {
  const wild = Object.entries(fields).map(([name, valid]) => {
    const weights = [
      { weight: 12, arbitrary: valid },
      { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
      { weight: 1, arbitrary: fc.constant(null) },
    ]
    return [name, fc.oneof(...weights)] as const
  })
  const model = fc.oneof({ weight: 20, arbitrary: fc.constant('echo') }, fc.jsonValue())
  return fc.record({ model, ...Object.fromEntries(wild) }, { requiredKeys: ['model'] })
}

/** Sends such bodies: each is answered, or refused with a 4xx in the union shape that says what was wrong. */
export async function assertAnswersOrRefuses(
  server: Pick<RunningServer, 'url'>,
  path: string,
  fields: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): Promise<void> {
  const statuses = new Set<number>()
  await fc.assert(
    fc.asyncProperty(anyBody(fields), async (body) => {
      const { status, text } = await send(server, path, { body })
      statuses.add(status)
      if (status === 200) return
      assert.ok(status >= 400 && status < 500, `${status} ${text}`)
      assertKeepsSchema(ErrorBody, JSON.parse(text))
    }),
    { numRuns: 300 },
  )
  // The property must have met both answers, or it proves nothing.
  assert.ok(statuses.has(200) && statuses.has(400), [...statuses].join())
}

/** Sampling fields of all generating doors, in and out of their ranges. */
export const anySampling: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  temperature: fc.double({ min: 0, max: 2, noNaN: true }),
  top_p: fc.double({ min: 0, max: 1, noNaN: true }),
  top_k: fc.integer({ min: -1, max: 100 }),
  min_p: fc.double({ min: 0, max: 1, noNaN: true }),
  frequency_penalty: fc.double({ min: -2, max: 2, noNaN: true }),
  seed: fc.integer(),
  max_tokens: fc.integer({ min: 0, max: 6 }),
  stop: fc.oneof(fc.constant('b'), fc.array(fc.constantFrom('b', 'c'), { maxLength: 2 })),
  logit_bias: fc.dictionary(fc.constantFrom('1', '2', '99999999'), fc.integer({ min: -101, max: 100 }), { maxKeys: 2 }),
}
