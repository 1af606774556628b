import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Answers } from '../../../test/proof/json-schemas/answers.ts'
import { readVocabulary } from '../../../test/proof/json-schemas/vocabulary.ts'
import { starterModel } from '../../../test/support/weights.ts'
import { Guidance } from './guidance.ts'
import { translatePattern } from './schema-pattern.ts'

describe('a pattern in the words of the grammar', () => {
  let guidance: Guidance
  let answers: Answers
  before(async () => {
    const vocabulary = await readVocabulary(await starterModel())
    guidance = Guidance.start(vocabulary)
    answers = new Answers(vocabulary)
  })
  after(() => guidance.stop())

  const probes = [
    '',
    'a',
    'ab',
    'b',
    '-',
    '+',
    ',',
    '[',
    '&',
    'é',
    '😀',
    '1',
    '٣',
    '_',
    '\n',
    '\r',
    '\u2028',
    '\u0085',
    '\ufeff',
    ' ',
    'x/y',
    'aab',
    '{',
    'A',
    '\b',
  ]
  const patterns = [
    '^.$',
    '^\\d$',
    '^\\w$',
    '^\\s$',
    '^\\S$',
    '^[\\d-]$',
    '^[+--]$',
    '^[[&&]$',
    '^[^\\W_]$',
    '^\\u{1F600}$|^\\xe9$',
    '^\\ud83d\\ude00$',
    'a+?b',
    '^(?<first>a){1,2}b$',
    '^x\\/y$',
    'a|^b$',
    '^[\\b]$',
    '^\\p{Lu}$',
    '[^]',
    '\\cJ',
    '^\\{$',
  ]
  for (const pattern of patterns) {
    test(`${pattern} matches what ECMA-262 says`, async () => {
      const translated = translatePattern(pattern)
      assert.ok(translated !== undefined)
      const grammar = await guidance.compile({
        type: 'json-schema',
        text: JSON.stringify({ type: 'string', pattern: translated }),
      })
      const expression = new RegExp(pattern, 'u')
      for (const probe of probes) {
        // The grammar writes printable characters as they are and controls as JSON does.
        assert.equal(answers.accepts(grammar, JSON.stringify(probe)), expression.test(probe), JSON.stringify(probe))
      }
    })
  }

  test('what Rust has no words for is left to validation', () => {
    for (const pattern of [
      '(?=a)',
      '(?!a)',
      '(?<=a)b',
      '(a)\\1',
      '\\bword',
      '(?i)a',
      '\\k<x>',
      '[]',
      '\\ud800',
      '*a',
    ]) {
      assert.equal(translatePattern(pattern), undefined, pattern)
    }
  })
})
