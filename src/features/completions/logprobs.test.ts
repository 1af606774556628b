// The legacy lists: alternatives, texts that are no UTF-8, and offsets that find each token in the text.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ChosenLogprob } from '../../wire/model.ts'
import { appendLogprobs, noLogprobs, OffsetCounter, tokenText } from './logprobs.ts'

const token = (bytes: Uint8Array | string, logprob = -1, top: ChosenLogprob['top'] = []): ChosenLogprob => ({
  token: Buffer.from(bytes).toString('utf8'),
  tokenId: 7,
  logprob,
  bytes: [...Buffer.from(bytes)],
  top,
})

test('bytes that are no text by themselves are written in the legacy notation', () => {
  assert.equal(tokenText(token(Uint8Array.of(0xe2, 0x98))), 'bytes:\\xe2\\x98')
  assert.equal(tokenText(token('é')), 'é')
})

test('the first prompt token has neither a probability nor alternatives', () => {
  const lists = noLogprobs()
  const offsets = new OffsetCounter()
  offsets.append('ab')
  appendLogprobs(lists, [{ ...token('a'), logprob: null }, token('b', -0.5, [token('c', -0.25)])], 1, offsets)
  assert.deepEqual(lists, {
    tokens: ['a', 'b'],
    token_logprobs: [null, -0.5],
    top_logprobs: [null, { c: -0.25, b: -0.5 }],
    text_offset: [0, 1],
  })
})

test('of two alternatives with one text the likelier stands, and the chosen token is never lost', () => {
  const lists = noLogprobs()
  appendLogprobs(lists, [token('x', -2, [token('x', -0.1), token('y', -1), token('y', -3)])], 3, new OffsetCounter())
  assert.deepEqual(lists.top_logprobs, [{ x: -0.1, y: -1 }])
})

test('offsets skip a begin-of-text token and a space that decoding dropped, and count code points', () => {
  const offsets = new OffsetCounter()
  offsets.append('Hi 👋🏽 é!')
  const wave = Buffer.from('👋🏽')
  const starts = ['<s>', ' Hi', ' ', wave.subarray(0, 3), wave.subarray(3, 5), wave.subarray(5), ' é', '!'].map(
    (piece) => offsets.next([...Buffer.from(piece)]),
  )
  assert.deepEqual(starts, [0, 0, 2, 3, 3, 4, 5, 7])
})

test('however a text is cut into tokens and pieces, each offset is the code points before the token', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }), { maxLength: 12 }), (pieces) => {
      const offsets = new OffsetCounter()
      let before = 0
      for (const piece of pieces) {
        offsets.append(piece)
        assert.equal(offsets.next([...Buffer.from(piece)]), before)
        before += [...piece].length
      }
    }),
  )
})
