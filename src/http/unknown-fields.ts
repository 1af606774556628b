// Names, in `galerne-ignored-fields`, what a body holds and its schema does not know: nobody shall believe that it had an effect. Knows no route.
import type { FastifyInstance } from 'fastify'
import { nameIgnoredFields } from '../wire/deliver.ts'

/** As much of a JSON Schema as is walked here. */
interface Walked {
  readonly properties?: Readonly<Record<string, Walked>>
  readonly additionalProperties?: unknown
  readonly items?: Walked
  readonly anyOf?: readonly Walked[]
  readonly type?: string
}

/** Adds it for every route with a body, but those that call models: they name what they do not use themselves. */
export function nameUnknownFields(server: FastifyInstance): void {
  server.addHook('preHandler', async ({ body, routeOptions }, reply) => {
    if (body === undefined || routeOptions.config.permission === 'models.use') return
    nameIgnoredFields(reply, unknownFields(routeOptions.schema?.body as Walked | undefined, body))
  })
}

/** Elements of a list that are looked at: they are alike. */
const looked = 20

/** The ways to what the schema does not know. What it refuses has been refused before. */
function unknownFields(given: Walked | undefined, value: unknown, place = ''): readonly string[] {
  const schema = branchOf(given)
  if (schema === undefined || typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) {
    return value.slice(0, looked).flatMap((item, index) => unknownFields(schema.items, item, `${place}[${index}]`))
  }
  const { properties, additionalProperties } = schema
  if (properties === undefined || additionalProperties !== undefined) return []
  return Object.entries(value).flatMap(([name, inside]) => {
    const way = place === '' ? name : `${place}.${name}`
    return Object.hasOwn(properties, name) ? unknownFields(properties[name], inside, way) : [way]
  })
}

/** The one branch that is not null; undefined where there are several: which was meant is not known. */
function branchOf(schema: Walked | undefined): Walked | undefined {
  if (schema?.anyOf === undefined) return schema
  const [only, ...others] = schema.anyOf.filter(({ type }) => type !== 'null')
  return others.length === 0 ? only : undefined
}
