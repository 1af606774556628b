// Values that no table can hold, at every route and field of the API document: each is a 4xx in our words, and nothing that was taken breaks a list.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CompleteServer, openCompleteServer } from '../../scripts/reference/complete-server.ts'
import { systemClock } from '../../src/base/clock.ts'
import { createActs } from '../../src/features/audit/acts.ts'
import { createKey } from '../../src/features/keys/create.ts'
import { describeOnServers } from '../support/databases.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly minimum?: number
  readonly minItems?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly 'x-permission'?: string
}

interface Route extends Operation {
  readonly method: string
  readonly path: string
}

/** Texts with a character that PostgreSQL has not, and numbers beyond its integers and JavaScript's exact ones. */
const hostile = ['a\0b', 2 ** 53 + 2, 9.3e18, 1e300, -1]

/** Routes that ask others: registries of models, and who vouches for people. */
const apart = /models\/(pull|load|unload|remove|prune)|\/oidc\//

describeOnServers('hostile values', (get) => {
  let complete: CompleteServer
  let owner = ''
  let routes: readonly Route[] = []
  let schemas: Readonly<Record<string, Schema>> = {}

  before(async () => {
    complete = await openCompleteServer({ database: get().database })
    const acts = createActs(complete.database, systemClock)
    const wanted = { name: 'owner', role: 'owner', reach: 'organisation' } as const
    owner = (await createKey(acts, { kind: 'system', id: 'test' }, wanted)).secret
    const document = complete.server.swagger() as unknown as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
      readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
    }
    schemas = document.components.schemas
    routes = Object.entries(document.paths)
      .filter(([path]) => !apart.test(path))
      .flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, ...operation })),
      )
  })
  after(() => complete.close())

  const resolved = ({ $ref, ...schema }: Schema): Schema => {
    const named = $ref === undefined ? schema : (schemas[$ref.split('/').at(-1) ?? ''] ?? {})
    const branch = (named.anyOf ?? named.oneOf)?.find((one) => one.type !== 'null')
    return branch === undefined ? named : resolved(branch)
  }
  const sample = (given: Schema, depth = 0): unknown => {
    const schema = resolved(given)
    if (schema.const !== undefined) return schema.const
    if (schema.default !== undefined) return schema.default
    if (schema.enum !== undefined) return schema.enum[0]
    if (schema.properties !== undefined) {
      const needed = Object.entries(schema.properties).filter(([name]) => schema.required?.includes(name) && depth < 5)
      return Object.fromEntries(needed.map(([name, inside]) => [name, sample(inside, depth + 1)]))
    }
    if (schema.type === 'array') return schema.minItems ? [sample(schema.items ?? {}, depth + 1)] : []
    if (schema.type === 'integer' || schema.type === 'number') return Math.max(1, schema.minimum ?? 1)
    return schema.type === 'boolean' ? false : 'sample'
  }
  /** The body with a value in the place of each field, one after the other. */
  function* variants(given: Schema, value: unknown, depth = 0): Generator<unknown> {
    const schema = resolved(given)
    if (schema.type === 'array') {
      for (const inside of variants(schema.items ?? {}, value, depth + 1)) yield [inside]
      return
    }
    if (schema.properties === undefined || depth > 3) return void (yield value)
    const base = sample(schema) as Record<string, unknown>
    for (const [name, inside] of Object.entries(schema.properties)) {
      for (const variant of variants(inside, value, depth + 1)) yield { ...base, [name]: variant }
    }
  }
  const bodyOf = ({ requestBody }: Route): Schema | undefined => requestBody?.content['application/json']?.schema
  const ask = async ({ method }: Route, url: string, payload?: unknown) => {
    const answer = await complete.server.inject({
      method: method as 'GET',
      url,
      headers: {
        ...{ host: 'localhost', authorization: `Bearer ${owner}` },
        ...(payload !== undefined && { 'content-type': 'application/json' }),
      },
      ...(payload !== undefined && { payload: JSON.stringify(payload) }),
    })
    const said = `${method} ${url.slice(0, 150)} ${JSON.stringify(payload)?.slice(0, 200)}: ${answer.statusCode} ${answer.body.slice(0, 200)}`
    assert.ok(answer.statusCode < 500, said)
    return { status: answer.statusCode, said, param: parameterOf(answer.body) }
  }
  const parameterOf = (body: string): string | undefined => {
    const found = /"param":"((?:[^"\\]|\\.)*)"/.exec(body)?.[1]
    return found === undefined ? undefined : (JSON.parse(`"${found}"`) as string)
  }
  const at = ({ path }: Route, value = 'none') => path.replace(/\{[^}]+\}/g, encodeURIComponent(value))

  test('text with the character 0 is refused by name, in paths and in queries', async () => {
    for (const route of routes) {
      const body = bodyOf(route)
      const payload = body === undefined ? undefined : sample(body)
      if (route.path.includes('{')) {
        const { status, said } = await ask(route, at(route, 'a\0b'), payload)
        assert.ok(status >= 400, said)
      }
      const inQuery = (route.parameters ?? []).filter((parameter) => parameter.in === 'query')
      for (const { name } of inQuery) {
        const url = `${at(route)}?${encodeURIComponent(name)}=${encodeURIComponent('a\0b')}`
        const { status, said, param } = await ask(route, url, payload)
        assert.equal(status, 400, said)
        assert.equal(param, name, said)
      }
    }
  })

  test('no field of a body breaks a route, and afterwards every list still answers', async () => {
    for (const route of routes) {
      const body = bodyOf(route)
      if (body === undefined) continue
      for (const value of hostile) for (const payload of variants(body, value)) await ask(route, at(route), payload)
    }
    for (const route of routes.filter(({ method, path }) => method === 'GET' && !path.includes('{'))) {
      const needed = (route.parameters ?? []).filter((parameter) => parameter.in === 'query' && parameter.required)
      await ask(route, `${route.path}?${needed.map(({ name }) => `${name}=1700000000`).join('&')}`)
    }
    await complete.settled()
  })
})
