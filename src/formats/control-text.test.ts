// A user's words stay words: only the template's own tokens become control tokens, and no character is lost.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ControlTokens } from './control-text.ts'

const tokens = [
  '<s>',
  '</s>',
  '<|im_start|>',
  '<|im_end|>',
  '<|im_end',
  '[INST]',
  '[/INST]',
  '<x><s>',
  '\n',
  '▁▁',
  '<0x0A>',
]
const control = new ControlTokens(tokens)
/** Text made of tokens, pieces of tokens and other characters. */
const words = fc
  .array(
    fc.oneof(
      fc.constantFrom(...tokens, '<', '<|', '|>', '<|im_', 'end|>', '[', 'INST]', ' ', '\ue000', '\ue001'),
      fc.string(),
    ),
  )
  .map((pieces) => pieces.join(''))

test('text around template tokens comes back whole, and no other token appears', () => {
  fc.assert(
    fc.property(words, words, (first, second) => {
      const { guard, split } = control.guardFor(JSON.stringify([first, second]))
      const segments = split(`<s>${guard(first)}<|im_end|>\n${guard(second)}`)
      const written = segments.filter((segment) => segment.type === 'control').map((segment) => segment.token)
      assert.deepEqual(written, ['<s>', '<|im_end|>'])
      assert.equal(
        segments.map((segment) => (segment.type === 'text' ? segment.text : segment.token)).join(''),
        `<s>${first}<|im_end|>\n${second}`,
      )
    }),
    { numRuns: 500 },
  )
})

test('two texts that touch make no token between them', () => {
  const { guard, split } = control.guardFor('')
  assert.deepEqual(split(guard('a<|im_') + guard('end|>b')), [{ type: 'text', text: 'a<|im_end|>b' }])
})

test('the longest token wins, as in llama.cpp', () => {
  const { split } = control.guardFor('')
  assert.deepEqual(split('<x><s>'), [{ type: 'control', token: '<x><s>' }])
})
