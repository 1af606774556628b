// The OpenAPI document of a complete server as generators and fuzzers read it: whole, and true to the paths.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CompleteServer, openCompleteServer } from '../scripts/reference/complete-server.ts'

interface Operation {
  readonly summary?: string
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly responses: Readonly<Record<string, object>>
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

let complete: CompleteServer
let document: Document

before(async () => {
  complete = await openCompleteServer()
  document = complete.server.swagger() as unknown as Document
})
after(() => complete.close())

test('every operation has the parameters that its path has, a summary, and an answer', () => {
  for (const [path, operations] of Object.entries(document.paths)) {
    const named = Array.from(path.matchAll(/\{([^}]+)\}/g), ([, name]) => name)
    for (const [method, { summary, parameters = [], responses }] of Object.entries(operations)) {
      const at = `${method} ${path}`
      const stated = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
      assert.deepEqual(stated.toSorted(), named.toSorted(), at)
      assert.ok(summary !== undefined && summary !== '', at)
      assert.ok(
        Object.keys(responses).some((status) => /^[23]/.test(status)),
        at,
      )
    }
  }
})

test('every reference leads to something', () => {
  const broken: string[] = []
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const { $ref } = value as { readonly $ref?: unknown }
    if (typeof $ref === 'string' && resolve($ref) === undefined) broken.push($ref)
    for (const inner of Object.values(value)) walk(inner)
  }
  walk(document)
  assert.deepEqual(broken, [])
})

function resolve(reference: string): unknown {
  const steps = reference.replace(/^#\//, '').split('/')
  return steps.reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], document)
}
