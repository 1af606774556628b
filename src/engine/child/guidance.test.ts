import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Answers } from '../../../test/proof/json-schemas/answers.ts'
import { readVocabulary, type TestVocabulary } from '../../../test/proof/json-schemas/vocabulary.ts'
import { starterModel } from '../../../test/support/weights.ts'
import { Guidance } from './guidance.ts'
import { GuidanceRefusal, type GuidanceRule } from './guidance-instance.ts'
import { guidanceLimits } from './guidance-limits.ts'
import type { Matcher } from './guidance-matcher.ts'

const json = (schema: unknown): GuidanceRule => ({ type: 'json-schema', text: JSON.stringify(schema) })

function take(matcher: Matcher, tokens: readonly number[]): void {
  for (const token of tokens) {
    assert.ok(matcher.allows(token), `token ${token} is allowed`)
    matcher.accept(token)
  }
}

/** References that lead to each other, too many for the stack that resolves them. */
function endlessReferences(): GuidanceRule {
  const links = Array.from({ length: 4_500 }, (_, index) => [`d${index}`, { $ref: `#/$defs/d${index + 1}` }])
  return json({ $ref: '#/$defs/d0', $defs: { ...Object.fromEntries(links), d4500: { type: 'string' } } })
}

describe('Guidance on the vocabulary of SmolLM2', () => {
  let vocabulary: TestVocabulary
  let guidance: Guidance
  let answers: Answers
  before(async () => {
    vocabulary = await readVocabulary(await starterModel())
    guidance = Guidance.start(vocabulary)
    answers = new Answers(vocabulary)
  })
  after(() => guidance.stop())

  test('a JSON Schema allows its answers, token by token, and stops where nothing may follow', async () => {
    const grammar = await guidance.compile(
      json({
        type: 'object',
        properties: { age: { type: 'integer', maximum: 9 } },
        required: ['age'],
        additionalProperties: false,
      }),
    )
    assert.deepEqual(grammar.warnings, [])
    assert.ok(answers.accepts(grammar, '{"age":7}'))
    assert.ok(!answers.accepts(grammar, '{"age":"7"}'))
    assert.ok(!answers.accepts(grammar, '{"age":10}'))
    const matcher = grammar.matcher()
    take(matcher, answers.tokenize('{"'))
    assert.equal(Buffer.from(matcher.forced()).toString(), 'age"')
    take(matcher, answers.tokenize('age":7'))
    assert.equal(matcher.accepting, false)
    take(matcher, answers.tokenize('}'))
    assert.equal(matcher.stopped, true)
    assert.equal(matcher.accepting, true)
    matcher.free()
  })

  test('rules that are costly to compile hold the same, more of them than are kept', async () => {
    const costly = Guidance.start(vocabulary, 0)
    try {
      const count = guidanceLimits.costlyGrammars + 2
      const grammars = await Promise.all(
        Array.from({ length: count }, (_, index) => costly.compile(json({ type: 'array', items: { const: index } }))),
      )
      for (const [index, grammar] of grammars.entries()) {
        assert.ok(grammar.costly)
        assert.ok(answers.accepts(grammar, `[${index},${index}]`))
        assert.ok(!answers.accepts(grammar, `[${index + 1}]`))
      }
      const plain = await guidance.compile(json({ type: 'array', items: { const: 1 } }))
      const [one, other] = [plain.matcher(), grammars[1]?.matcher()]
      assert.deepEqual(other?.mask().slice(), one.mask().slice())
    } finally {
      await costly.stop()
    }
  })

  test('the mask and the single test agree on every token', async () => {
    const grammar = await guidance.compile(json({ type: 'array', items: { enum: ['é', 'yes', 12.5, null] } }))
    const matcher = grammar.matcher()
    for (const token of answers.tokenize('["é",12.5]')) {
      const mask = matcher.mask().slice()
      for (let id = 0; id < vocabulary.tokens.length; id++) {
        const bit = ((mask[id >>> 5] ?? 0) >>> (id & 31)) & 1
        if ((bit === 1) !== matcher.allows(id)) assert.fail(`token ${id}: mask says ${bit}`)
      }
      matcher.accept(token)
    }
    matcher.free()
  })

  test('a Lark grammar names control tokens by id; text that spells one is not one', async () => {
    const control = vocabulary.controlTokens.get('<|im_start|>')
    assert.ok(control !== undefined)
    const grammar = await guidance.compile({ type: 'lark', text: `start: "a" <[${control}]> %json {"type":"boolean"}` })
    const matcher = grammar.matcher()
    take(matcher, answers.tokenize('a'))
    assert.equal(matcher.allows(control), true)
    assert.equal(matcher.allows(answers.tokenize('<')[0] ?? -1), false)
    take(matcher, [control, ...answers.tokenize('true')])
    assert.equal(matcher.stopped, true)
    matcher.free()
  })

  test('a regular expression allows the end of the sequence where it may end', async () => {
    const grammar = await guidance.compile({ type: 'regex', text: '[a-c]{2,3}' })
    const end = vocabulary.endOfSequence[0] ?? -1
    const matcher = grammar.matcher()
    take(matcher, answers.tokenize('a'))
    assert.equal(matcher.allows(end), false)
    take(matcher, answers.tokenize('b'))
    assert.equal(matcher.allows(end), true)
    matcher.accept(end)
    assert.equal(matcher.stopped, true)
    matcher.free()
  })

  test('a rule that is none is refused in words', async () => {
    await assert.rejects(guidance.compile(json({ type: 'thing' })), (error) => {
      assert.ok(error instanceof GuidanceRefusal)
      assert.match(error.message, /Invalid type: thing/)
      return true
    })
    await assert.rejects(guidance.compile({ type: 'lark', text: 'start: missing' }), /unknown name: "missing"/)
    await assert.rejects(guidance.compile({ type: 'regex', text: '(?=a)a' }), GuidanceRefusal)
  })

  test('a rule that is too large, too deep or too slow is refused, and the next one compiles', async () => {
    const large = 'x'.repeat(guidanceLimits.ruleBytes + 1)
    await assert.rejects(guidance.compile({ type: 'regex', text: large }), /bytes/)
    await assert.rejects(guidance.compile(endlessReferences()), /nested too deeply/)
    // Every pair of patterns is compared: seconds, with fuel left for each.
    const patterns = Array.from({ length: 3_000 }, (_, index) => [`^${index}(x|y)*z${index}$`, { type: 'integer' }])
    await assert.rejects(guidance.compile(json({ patternProperties: Object.fromEntries(patterns) })), /takes more than/)
    const grammar = await guidance.compile(json({ type: 'null' }))
    assert.ok(answers.accepts(grammar, 'null'))
  })

  test('the same rule is compiled once', async () => {
    const rule = json({ type: 'string', maxLength: 5 })
    assert.equal(await guidance.compile(rule), await guidance.compile({ ...rule }))
  })

  test('a grammar that the cache let go still gives matchers, and those at work go on', async () => {
    const grammar = await guidance.compile({ type: 'regex', text: 'old[0-9]+' })
    const matcher = grammar.matcher()
    take(matcher, answers.tokenize('old'))
    for (let index = 0; index <= guidanceLimits.cachedGrammars; index++) {
      await guidance.compile({ type: 'regex', text: `new${index}` })
    }
    take(matcher, answers.tokenize('17'))
    assert.equal(matcher.accepting, true)
    assert.ok(answers.accepts(grammar, 'old5'))
    matcher.free()
  })

  test('a token that is not allowed ends that answer alone', async () => {
    const grammar = await guidance.compile({ type: 'regex', text: 'yes|no' })
    const wrong = grammar.matcher()
    const right = grammar.matcher()
    assert.throws(() => wrong.accept(answers.tokenize('z')[0] ?? -1), { code: 'grammar_failed' })
    take(right, answers.tokenize('yes'))
    assert.equal(right.stopped, true)
  })
})
