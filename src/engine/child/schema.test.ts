import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Answers } from '../../../test/proof/json-schemas/answers.ts'
import { readVocabulary } from '../../../test/proof/json-schemas/vocabulary.ts'
import { starterModel } from '../../../test/support/weights.ts'
import type { JsonSchema, OutputRule } from '../../wire/model.ts'
import { Guidance } from './guidance.ts'
import { Schemas } from './schema.ts'
import { holdCall } from './schema-tools.ts'

const param = 'response_format.json_schema.schema'

describe('holding a JSON Schema', () => {
  let guidance: Guidance
  let schemas: Schemas
  let answers: Answers
  before(async () => {
    const vocabulary = await readVocabulary(await starterModel())
    guidance = Guidance.start(vocabulary)
    schemas = new Schemas(guidance)
    answers = new Answers(vocabulary)
  })
  after(() => Promise.all([guidance.stop(), schemas.stop()]))

  async function accepts(schema: JsonSchema, text: string): Promise<boolean> {
    const held = await schemas.hold(schema, param)
    return answers.accepts(held.grammar, text) && (await held.validate?.(text)) === undefined
  }

  test('what the grammar can hold needs no validation', async () => {
    const schema = {
      type: 'object',
      properties: {
        born: { type: 'string', format: 'date' },
        code: { type: 'string', pattern: '^\\d{3}-.$' },
        size: { type: 'integer', format: 'int32', minimum: 1 },
        self: { $ref: '#' },
      },
      required: ['born'],
      additionalProperties: false,
    }
    assert.equal((await schemas.hold(schema, param)).validate, undefined)
    assert.ok(
      await accepts(schema, '{"born":"2024-02-29","code":"123-x","size":2147483647,"self":{"born":"2023-01-31"}}'),
    )
    assert.ok(!(await accepts(schema, '{"born":"2023-02-29"}')))
    assert.ok(!(await accepts(schema, '{"born":"2024-02-29","code":"12-x"}')))
    assert.ok(!(await accepts(schema, '{"born":"2024-02-29","size":2147483648}')))
    assert.ok(!(await accepts(schema, '{"born":"2024-02-29","size":0}')))
  })

  // What the grammar refuses: an answer that fits, one that does not, and the keyword that only validation sees.
  const validated: readonly (readonly [string, JsonSchema, string, string])[] = [
    ['uniqueItems', { type: 'array', items: { type: 'integer' }, uniqueItems: true }, '[1,2]', '[1,1]'],
    ['not', { type: 'string', not: { const: 'no' } }, '"yes"', '"no"'],
    [
      'if',
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      { type: 'object', properties: { a: { type: 'integer' } }, if: { required: ['a'] }, then: { maxProperties: 1 } },
      '{"a":1}',
      '{"a":1,"b":2}',
    ],
    ['contains', { type: 'array', contains: { const: 7 } }, '[1,7]', '[1]'],
    ['propertyNames', { type: 'object', propertyNames: { maxLength: 2 } }, '{"ab":1}', '{"abc":1}'],
    ['overlapping oneOf', { oneOf: [{ type: 'integer' }, { type: 'number', minimum: 5 }] }, '3', '7'],
    ['dependentRequired', { type: 'object', dependentRequired: { a: ['b'] } }, '{"a":1,"b":2}', '{"a":1}'],
    [
      'unevaluatedProperties',
      { type: 'object', properties: { a: true }, unevaluatedProperties: false },
      '{"a":1}',
      '{"a":1,"b":2}',
    ],
    ['lookahead', { type: 'string', pattern: '^(?!x)' }, '"y"', '"x"'],
    [
      'minProperties and repeated keys',
      { type: 'object', additionalProperties: { type: 'integer' }, minProperties: 2 },
      '{"a":1,"b":2}',
      '{"a":1,"a":2}',
    ],
    [
      'overlapping patternProperties',
      { type: 'object', patternProperties: { '^a': { type: 'integer' }, b$: { minimum: 5 } } },
      '{"ab":7}',
      '{"ab":1}',
    ],
    [
      'draft 4 bounds',
      {
        $schema: 'http://json-schema.org/draft-04/schema#',
        type: 'integer',
        minimum: 3,
        exclusiveMinimum: true,
        not: { const: 9 },
      },
      '4',
      '3',
    ],
  ]
  for (const [keyword, schema, fits, fails] of validated) {
    test(`${keyword} is held by validating the whole answer`, async () => {
      assert.ok((await schemas.hold(schema, param)).validate !== undefined)
      assert.ok(await accepts(schema, fits), `${fits} is accepted`)
      assert.ok(!(await accepts(schema, fails)), `${fails} is rejected`)
    })
  }

  // [what is wrong, the schema, the field that the error names, the code]
  const refused: readonly (readonly [string, JsonSchema, string, string])[] = [
    [
      'a type that is none',
      { type: 'object', properties: { a: { type: 'text' } } },
      '/properties/a/type',
      'invalid_value',
    ],
    [
      'a keyword of the wrong kind',
      { type: 'object', properties: { a: { type: 'string', minLength: '3' } } },
      '/properties/a/minLength',
      'invalid_value',
    ],
    [
      'a pattern that is none',
      { type: 'array', items: { type: 'string', pattern: '(' } },
      '/items/pattern',
      'invalid_value',
    ],
    [
      'a format that nobody knows',
      { type: 'object', properties: { c: { type: 'string', format: 'color' } } },
      '/properties/c/format',
      'unsupported_value',
    ],
    [
      'a remote reference',
      { type: 'object', properties: { a: { $ref: 'https://example.com/a.json' } } },
      '/properties/a/$ref',
      'unsupported_value',
    ],
    ['a file', { $ref: 'file:///etc/passwd' }, '/$ref', 'unsupported_value'],
    ['a reference to nothing', { items: { $ref: '#/$defs/missing' } }, '/items/$ref', 'unsupported_value'],
    ['an unknown draft', { $schema: 'https://example.com/draft', type: 'string' }, '/$schema', 'unsupported_value'],
    ['a schema that nothing satisfies', { type: 'string', enum: [1] }, '', 'invalid_value'],
    ['no answer at all', false, '', 'invalid_value'],
    ['a schema that is itself', { $ref: '#' }, '/$ref', 'invalid_value'],
    [
      'a circle of references',
      {
        $ref: '#/$defs/a',
        $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }, { type: 'null' }] }, b: { $ref: '#/$defs/a' } },
      },
      '/$defs/b/$ref',
      'invalid_value',
    ],
    [
      'a value that never ends',
      { type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] },
      '/properties/next/$ref',
      'invalid_value',
    ],
    ['a schema of an odd kind', { properties: { a: 5 } } as JsonSchema, '/properties/a', 'invalid_value'],
  ]
  for (const [what, schema, path, code] of refused) {
    test(`${what} is refused by its path`, async () => {
      await assert.rejects(schemas.hold(schema, param), { code, status: 400, param: param + path })
    })
  }

  test('recursion that comes to an end is held by the grammar', async () => {
    const tree = {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: { value: { type: 'integer' }, kids: { type: 'array', items: { $ref: '#/$defs/node' } } },
          required: ['value', 'kids'],
          additionalProperties: false,
        },
      },
    }
    const chain = {
      type: 'object',
      properties: { next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
      required: ['next'],
      additionalProperties: false,
    }
    for (const schema of [tree, chain]) assert.equal((await schemas.hold(schema, param)).validate, undefined)
    assert.ok(await accepts(tree, '{"value":1,"kids":[{"value":2,"kids":[{"value":3,"kids":[]}]}]}'))
    assert.ok(!(await accepts(tree, '{"value":1,"kids":[{"value":2,"kids":[{"value":"3","kids":[]}]}]}')))
    assert.ok(await accepts(chain, '{"next":{"next":{"next":null}}}'))
    assert.ok(!(await accepts(chain, '{"next":{"next":{"next":1}}}')))
  })

  test('long chains of references are read, and long circles refused', async () => {
    const link = (index: number) => [`n${index}`, { $ref: `#/$defs/n${index + 1}` }] as const
    const links = Object.fromEntries(Array.from({ length: 4000 }, (_, index) => link(index)))
    const circle = { $ref: '#/$defs/n0', $defs: { ...links, n4000: { $ref: '#/$defs/n0' } } }
    await assert.rejects(schemas.hold(circle, param), { code: 'invalid_value', status: 400 })
  })

  test('arguments are an object whatever the schema allows beside', async () => {
    const object = {
      type: 'object',
      properties: { a: { type: 'integer' } },
      required: ['a'],
      additionalProperties: false,
    }
    const held = async (parameters: JsonSchema) => {
      const call = { output: { type: 'text' as const }, tools: [{ name: 'f', parameters, strict: true }] }
      return (await holdCall(schemas, call)).call.tools[0]?.parameters ?? false
    }
    for (const [parameters, fits, fails] of [
      [{ anyOf: [object, { type: 'null' }] }, '{"a":1}', 'null'],
      [{ type: ['object', 'null'], properties: { a: { type: 'integer' } } }, '{"a":1}', 'null'],
      [{ $ref: '#/$defs/a', $defs: { a: object } }, '{"a":1}', '{"b":1}'],
      [{ properties: { a: { type: 'integer' } }, anyOf: [{ required: ['a'] }, { required: ['b'] }] }, '{"a":1}', '5'],
      [{ allOf: [object] }, '{"a":1}', '{"a":"1"}'],
      [true, '{}', '1'],
    ] as [JsonSchema, string, string][]) {
      const schema = await held(parameters)
      assert.ok(await accepts(schema, fits), `${JSON.stringify(parameters)} takes ${fits}`)
      assert.ok(!(await accepts(schema, fails)), `${JSON.stringify(parameters)} refuses ${fails}`)
    }
    for (const parameters of [{ enum: ['a'] }, { $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }, false]) {
      await assert.rejects(held(parameters), { code: 'invalid_value', param: 'tools[0].function.parameters' })
    }
  })

  test('a schema that is too deep is refused before anything reads it', async () => {
    let schema: JsonSchema = { type: 'string' }
    for (let level = 0; level < 60; level++) schema = { type: 'array', items: schema }
    await schemas.hold(schema, param)
    for (let level = 0; level < 20_000; level++) schema = { type: 'array', items: schema }
    await assert.rejects(schemas.hold(schema, param), { code: 'unsupported_value', status: 400 })
  })

  test('a caller cannot turn enforcement off', async () => {
    const schema = {
      type: 'array',
      uniqueItems: true,
      $async: true,
      'x-guidance': { lenient: true, whitespace_flexible: true },
    }
    assert.ok(!(await accepts(schema, '[1,1]')))
    assert.ok(await accepts(schema, '[1,2]'))
  })

  test('a pattern that never ends ends with its thread, and others go on', async () => {
    const endless = await schemas.hold({ type: 'string', pattern: '^(?!y)(a|a)+$' }, param)
    const fault = await endless.validate?.(JSON.stringify(`${'a'.repeat(60)}!`))
    assert.match(fault ?? '', /takes more than/)
    assert.ok(!(await accepts({ type: 'array', uniqueItems: true }, '[1,1]')))
  })

  test('whitespace is bounded', async () => {
    assert.ok(await accepts({ type: 'array' }, '[\n    1,\n    2\n]'))
    assert.ok(!(await accepts({ type: 'array' }, `[${' '.repeat(50)}1]`)))
    assert.ok(!(await accepts({ type: 'array' }, `[${'\n'.repeat(3)}1]`)))
  })

  test('tools are held inside one grammar, each with its own references, and refused by their own path', async () => {
    const parameters = {
      type: 'object',
      properties: {
        at: { $ref: '#/$defs/time' },
        days: { type: 'array', items: { type: 'integer' }, uniqueItems: true },
      },
      required: ['at'],
      additionalProperties: false,
      $defs: { time: { type: 'string', pattern: '^\\d\\d:\\d\\d$' } },
    }
    const tool = (name: string, schema: JsonSchema) => ({ name, parameters: schema, strict: true })
    const other = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    const call = { output: { type: 'text' as const }, tools: [tool('alarm', parameters), tool('weather', other)] }
    const held = await holdCall(schemas, call)
    const choices = held.call.tools.map(
      ({ name, parameters: schema }) =>
        `%json ${JSON.stringify({ type: 'object', properties: { name: { const: name }, arguments: schema }, required: ['name', 'arguments'], additionalProperties: false })}`,
    )
    const grammar = await guidance.compile({ type: 'lark', text: `start: call\ncall: ${choices.join(' | ')}` })
    assert.ok(answers.accepts(grammar, '{"name":"alarm","arguments":{"at":"07:30","days":[1,1]}}'))
    assert.ok(!answers.accepts(grammar, '{"name":"alarm","arguments":{"at":"7:30"}}'))
    assert.ok(answers.accepts(grammar, '{"name":"weather","arguments":{"city":"Rennes"}}'))
    assert.equal(held.validateText, undefined)
    assert.match((await held.validateArguments?.('alarm', '{"at":"07:30","days":[1,1]}')) ?? '', /duplicate/)
    assert.equal(await held.validateArguments?.('alarm', '{"at":"07:30","days":[1,2]}'), undefined)
    assert.equal(await held.validateArguments?.('weather', '{"city":1}'), undefined)
    await assert.rejects(
      holdCall(schemas, {
        ...call,
        tools: [tool('a', other), tool('b', { type: 'object', properties: { x: { type: 'thing' } } })],
      }),
      { code: 'invalid_value', param: 'tools[1].function.parameters/properties/x/type' },
    )
  })

  test('json_object is any JSON object, and nothing else', async () => {
    const held = await holdCall(schemas, { output: { type: 'json-object' }, tools: [] })
    // `json-object` was rewritten into the schema that it means.
    const output: OutputRule = held.call.output
    assert.equal(output.type, 'json-schema')
    const schema = (output as Extract<OutputRule, { type: 'json-schema' }>).schema
    assert.ok(await accepts(schema, '{"any":["thing",1]}'))
    assert.ok(!(await accepts(schema, '[1]')))
  })
})
