import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { Answers } from '../../../test/proof/json-schemas/answers.ts'
import { readVocabulary } from '../../../test/proof/json-schemas/vocabulary.ts'
import { starterModel } from '../../../test/support/weights.ts'
import { GuidanceInstance, type GuidanceRule, GuidanceTrap } from './guidance-instance.ts'
import { Grammar, type GuidanceHost } from './guidance-matcher.ts'
import { guidanceModule } from './guidance-module.ts'

const person: GuidanceRule = {
  type: 'json-schema',
  text: '{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}',
}

/** References that lead to each other, too many for the stack that resolves them: the instance traps. */
function endlessReferences(): GuidanceRule {
  const links = Array.from({ length: 20_000 }, (_, index) => [`d${index}`, { $ref: `#/$defs/d${index + 1}` }])
  const schema = { $ref: '#/$defs/d0', $defs: { ...Object.fromEntries(links), d20000: { type: 'string' } } }
  return { type: 'json-schema', text: JSON.stringify(schema) }
}

describe('a trap in the module', () => {
  let module: WebAssembly.Module
  let image: SharedArrayBuffer
  let answers: Answers
  before(async () => {
    module = await guidanceModule()
    const vocabulary = await readVocabulary(await starterModel())
    answers = new Answers(vocabulary)
    const bytes = vocabulary.tokens.map((token, id) =>
      vocabulary.control.has(id) ? Buffer.concat([Uint8Array.of(0xff), token]) : token,
    )
    const data = new Uint8Array(new SharedArrayBuffer(bytes.reduce((sum, token) => sum + token.length, 0)))
    const ends = new Uint32Array(new SharedArrayBuffer(bytes.length * 4))
    let end = 0
    for (const [id, token] of bytes.entries()) {
      data.set(token, end)
      end += token.length
      ends[id] = end
    }
    image = GuidanceInstance.build(module, { data, ends, endOfSequence: vocabulary.endOfSequence }).image()
  })

  /** As `Guidance` does it: another instance when the last is dead. */
  function host(): GuidanceHost & { readonly restored: GuidanceInstance[] } {
    const restored: GuidanceInstance[] = []
    return {
      restored,
      maskWords: Math.ceil(49_152 / 32),
      instance: () => {
        const last = restored.at(-1)
        if (last !== undefined && !last.dead) return last
        const fresh = GuidanceInstance.restore(module, image)
        restored.push(fresh)
        return fresh
      },
      restore: (other) => GuidanceInstance.restore(module, other),
    }
  }

  test('a rule compiled elsewhere is followed from its image, again where that instance dies', () => {
    const elsewhere = GuidanceInstance.restore(module, image)
    const { handle } = elsewhere.compile(person)
    const place = host()
    const grammar = new Grammar(place, person, [], { image: elsewhere.image(), handle })
    const control = new Grammar(place, person, []).matcher()
    const first = grammar.matcher()
    for (const token of answers.tokenize('{"name":"Ann')) {
      assert.deepEqual(first.mask().slice(), control.mask().slice())
      first.accept(token)
      control.accept(token)
    }
    assert.equal(place.restored.length, 1, 'only the control needed the common instance')
    const second = grammar.matcher()
    for (const token of answers.tokenize('{"name":"Ann","age":3}')) second.accept(token)
    assert.equal(second.stopped, true)
    second.free()
    grammar.release()
    assert.deepEqual(first.mask().slice(), control.mask().slice(), 'whoever is at work goes on')
    assert.equal(grammar.matcher().allows(answers.tokenize('{')[0] ?? -1), true)
  })

  test('kills the instance and no answer: matchers find their places in the next one', () => {
    const place = host()
    const grammar = new Grammar(place, person, [])
    const first = grammar.matcher()
    const second = grammar.matcher()
    const untouched = grammar.matcher()
    for (const token of answers.tokenize('{"name":"Ann')) first.accept(token)
    for (const token of answers.tokenize('{"name":"Bo","age":4')) second.accept(token)
    for (const token of answers.tokenize('{"name":"Ann')) untouched.accept(token)
    const before = [first.mask().slice(), second.mask().slice()]

    const instance = place.instance()
    assert.throws(() => instance.compile(endlessReferences()), GuidanceTrap)
    assert.equal(instance.dead, true)

    assert.deepEqual([first.mask().slice(), second.mask().slice()], before)
    for (const token of answers.tokenize('a","age":31}')) first.accept(token)
    for (const token of answers.tokenize('2}')) second.accept(token)
    assert.equal(first.stopped, true)
    assert.equal(second.stopped, true)
    assert.equal(untouched.allows(answers.tokenize('!')[0] ?? -1), true)
    assert.equal(place.restored.length, 2)
  })

  test('ends the answer whose rule traps every time, with an error that says so', () => {
    const place = host()
    const healthy = new Grammar(place, person, []).matcher()
    for (const token of answers.tokenize('{"name":"Zoe"')) healthy.accept(token)
    const doomed = new Grammar(place, endlessReferences(), []).matcher()
    assert.throws(() => doomed.mask(), { code: 'grammar_failed' })
    for (const token of answers.tokenize(',"age":9}')) healthy.accept(token)
    assert.equal(healthy.stopped, true)
  })

  test('gives its message where it is a panic, and every later use says that it is dead', () => {
    const instance = GuidanceInstance.restore(module, image)
    assert.throws(() => instance.compile(endlessReferences()), GuidanceTrap)
    assert.throws(() => instance.compile(person), /trapped before/)
  })
})
