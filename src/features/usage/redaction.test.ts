// What is blacked out and what is not: numbers that are cards and such that only look like them, texts within JSON, patterns of strangers.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Failure } from '../../base/errors.ts'
import { checkRedaction, type RedactionPreset, redactText, redactValue } from './redaction.ts'

const by = (...presets: readonly RedactionPreset[]) => ({ presets, patterns: [] })

describe('rules that are ready made', () => {
  const cases: [preset: RedactionPreset, text: string, redacted: string][] = [
    ['email', 'write to Ada.Lovelace+x@mail.example.org, please', 'write to [redacted:email], please'],
    ['email', 'user@localhost and a@b', 'user@localhost and a@b'],
    ['card', 'card 4111 1111 1111 1111 ok', 'card [redacted:card] ok'],
    ['card', 'card 4111-1111-1111-1111.', 'card [redacted:card].'],
    ['card', '378282246310005', '[redacted:card]'],
    ['card', 'order 1234 4111 1111 1111 1111 of 5555 5555 5555 4444', 'order 1234 [redacted:card] of [redacted:card]'],
    ['card', 'number 4111 1111 1111 1112', 'number 4111 1111 1111 1112'],
    ['iban', 'to DE89 3704 0044 0532 0130 00 is paid', 'to [redacted:iban] is paid'],
    ['iban', 'fr1420041010050500013m02606', '[redacted:iban]'],
    ['iban', 'GB29NWBK60161331926819, now', '[redacted:iban], now'],
    ['iban', 'DE89 3704 0044 0532 0130 01', 'DE89 3704 0044 0532 0130 01'],
    ['key', 'use sk-proj-abcdefghijklmnop1234 here', 'use [redacted:key] here'],
    ['key', 'AKIAIOSFODNN7EXAMPLE', '[redacted:key]'],
    ['key', '-----BEGIN RSA PRIVATE KEY-----\nabc+/=\n-----END RSA PRIVATE KEY----- end', '[redacted:key] end'],
    ['key', 'a sketch of risk', 'a sketch of risk'],
  ]
  for (const [preset, text, redacted] of cases) {
    test(`${preset}: ${text.slice(0, 50).replaceAll('\n', ' ')}`, () =>
      assert.equal(redactText(text, by(preset)), redacted))
  }
})

test('texts are found wherever they lie, arguments of tools that are JSON in JSON too, and it stays JSON', () => {
  const value = {
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'I am ada@example.org' }] },
      { role: 'assistant', toolCalls: [{ id: '1', arguments: '{"to":"bob@example.org","n":[1,2]}' }] },
    ],
    prompt: { type: 'tokens', tokens: [17, 4] },
  }
  const redacted = redactValue(value, by('email')) as typeof value
  assert.doesNotMatch(JSON.stringify(redacted), /example\.org/)
  const call = (redacted.messages[1] as unknown as { toolCalls: { arguments: string }[] }).toolCalls[0]
  // A pair of numbers is read as tokens: it could spell anything.
  assert.deepEqual(JSON.parse(call?.arguments ?? ''), { to: '[redacted:email]', n: '[redacted:tokens]' })
  assert.equal(redacted.prompt.tokens, '[redacted:tokens]')
  assert.equal(redacted.messages[0]?.role, 'user')
})

test('own patterns run in linear time; those that could not, or that find nothing, are refused by name', () => {
  const rules = { presets: [], patterns: [{ name: 'ticket', pattern: 'T-[0-9]{4}' }] }
  checkRedaction(rules)
  assert.equal(redactText('see T-1234 and $1', rules), 'see [redacted:ticket] and $1')
  for (const pattern of ['(a)\\1', '(?=a)', '(', 'a*']) {
    assert.throws(
      () => checkRedaction({ presets: [], patterns: [{ name: 'x', pattern }] }),
      (error) => error instanceof Failure && error.fields['param'] === 'redaction.patterns[0].pattern',
      pattern,
    )
  }
  const evil = { presets: [], patterns: [{ name: 'x', pattern: '(a+)+$' }] }
  assert.equal(redactText(`${'a'.repeat(5_000)}b`, evil).length, 5_001)
})
