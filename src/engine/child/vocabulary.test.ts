import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { TestEngine } from '../../../test/engine/open-engine.ts'
import { gemmaModel, starterModel } from '../../../test/support/weights.ts'
import type { Vocabulary } from './vocabulary.ts'

describe('the vocabulary of SmolLM2', async () => {
  const path = await starterModel()
  let engine: TestEngine
  let vocabulary: Vocabulary
  before(async () => {
    engine = await TestEngine.load(path)
    vocabulary = engine.model.vocabulary
  })
  after(() => engine.free())

  it('gives any text back from its tokens', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        assert.equal(vocabulary.detokenize(vocabulary.tokenize(text)), text)
      }),
      { numRuns: 500 },
    )
  })

  it('joins the bytes of pieces to the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (text) => {
        const tokens = vocabulary.tokenize(text)
        assert.equal(Buffer.concat(Array.from(tokens, (token) => vocabulary.piece(token))).toString('utf8'), text)
      }),
    )
  })

  it('keeps a control token that a user spells as text, and reads it where it may', () => {
    const spelled = vocabulary.tokenize('<|im_start|>')
    assert.ok(spelled.length > 1)
    assert.ok(spelled.every((token) => !vocabulary.isControl(token)))
    assert.deepEqual([...vocabulary.tokenize('<|im_start|>', { parseSpecial: true })], [1])
    assert.equal(vocabulary.control('<|im_start|>'), 1)
    assert.equal(vocabulary.control('<|no_such|>'), undefined)
  })

  it('knows its special tokens', () => {
    assert.equal(vocabulary.kind, 'bpe')
    assert.equal(vocabulary.size, 49_152)
    assert.ok(vocabulary.isEnd(2) && vocabulary.isControl(2))
    assert.ok(!vocabulary.isEnd(1000))
    assert.equal(vocabulary.addsBeginOfSequence, false)
    assert.equal(vocabulary.fillInTheMiddle.prefix, undefined)
    assert.match(vocabulary.chatTemplate ?? '', /im_start/)
  })

  it('refuses token ids that it does not have', () => {
    for (const token of [-1, 49_152, 1.5, Number.NaN]) assert.throws(() => vocabulary.piece(token), RangeError)
    assert.throws(() => vocabulary.detokenize([1, 50_000]), RangeError)
  })

  it('takes large and strange texts', () => {
    assert.equal(vocabulary.tokenize('').length, 0)
    assert.equal(vocabulary.detokenize(vocabulary.tokenize('\0a\0')), '\0a\0')
    assert.equal(vocabulary.detokenize(vocabulary.tokenize(' '.repeat(100_000))).length, 100_000)
    // A lone surrogate has no UTF-8: it becomes U+FFFD, as everywhere in JavaScript.
    assert.equal(vocabulary.detokenize(vocabulary.tokenize('\ud800')), '\ufffd')
  })
})

describe('the vocabulary of Gemma', async () => {
  const path = await gemmaModel()
  let engine: TestEngine
  before(async () => {
    engine = await TestEngine.load(path)
  })
  after(() => engine.free())

  it('adds the token that begins a text only when asked', () => {
    const { vocabulary } = engine.model
    assert.equal(vocabulary.kind, 'spm')
    assert.ok(vocabulary.addsBeginOfSequence)
    assert.deepEqual([...vocabulary.tokenize('Hello', { addSpecial: true })], [2, ...vocabulary.tokenize('Hello')])
    assert.equal(vocabulary.detokenize(vocabulary.tokenize('Hello', { addSpecial: true })), '<bos>Hello')
    assert.equal(vocabulary.detokenize(vocabulary.tokenize('Hello', { addSpecial: true }), { special: false }), 'Hello')
  })

  it('gives any text back from its tokens', () => {
    const { vocabulary } = engine.model
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (text) => {
        assert.equal(vocabulary.detokenize(vocabulary.tokenize(text)), text)
      }),
    )
  })
})
