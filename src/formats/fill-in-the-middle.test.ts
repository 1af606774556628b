// Each family's documented form, told from the tokens of the vocabulary.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillInTheMiddle } from './fill-in-the-middle.ts'

const written = (tokens: readonly string[], files: { name: string; text: string }[] = []) =>
  fillInTheMiddle(new Map(tokens.map((token, id) => [token, id])))
    ?.render('PRE', 'SUF', files)
    .map((segment) =>
      segment.type === 'control' ? `{${segment.token}}` : segment.bare === true ? `(${segment.text})` : segment.text,
    )
    .join('')

const qwen = ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>']
const starCoder = ['<fim_prefix>', '<fim_suffix>', '<fim_middle>', '<fim_pad>']
const files = [
  { name: 'a.py', text: 'A' },
  { name: 'b.py', text: 'B' },
]

test('Mistral: the suffix first, without the leading space of the vocabulary', () => {
  assert.equal(written(['<s>', '[SUFFIX]', '[PREFIX]']), '{<s>}{[SUFFIX]}(SUF){[PREFIX]}PRE')
})

test('Qwen, StarCoder, DeepSeek and Code Llama: prefix, suffix, middle', () => {
  assert.equal(written(qwen), '{<|fim_prefix|>}PRE{<|fim_suffix|>}SUF{<|fim_middle|>}')
  assert.equal(written(starCoder), '{<fim_prefix>}PRE{<fim_suffix>}SUF{<fim_middle>}')
  assert.equal(
    written(['<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>']),
    '{<｜fim▁begin｜>}PRE{<｜fim▁hole｜>}SUF{<｜fim▁end｜>}',
  )
  assert.equal(written(['▁<PRE>', '▁<SUF>', '▁<MID>']), '{▁<PRE>}PRE{▁<SUF>}(SUF){▁<MID>}')
})

test('other files stand before, with the separators of the family where it has them', () => {
  assert.equal(
    written([...qwen, '<|repo_name|>', '<|file_sep|>'], files),
    '{<|repo_name|>}repository\n{<|file_sep|>}a.py\nA\n{<|file_sep|>}b.py\nB\n{<|file_sep|>}current\n{<|fim_prefix|>}PRE{<|fim_suffix|>}SUF{<|fim_middle|>}',
  )
  assert.equal(written(starCoder, files.slice(1)), '{<fim_prefix>}# b.py\nB\n\nPRE{<fim_suffix>}SUF{<fim_middle>}')
  assert.equal(written(['[SUFFIX]', '[PREFIX]'], files.slice(0, 1)), '{[SUFFIX]}(SUF){[PREFIX]}+++++ a.py\nA\n\nPRE')
})

test('a file begins where the next one is announced: those tokens end a filling', () => {
  const family = fillInTheMiddle(new Map([...qwen, '<|file_sep|>', '<|endoftext|>'].map((token, id) => [token, id])))
  assert.deepEqual(family?.stopTokens, ['<|file_sep|>', '<|endoftext|>'])
})

test('a vocabulary without the tokens has no form', () => {
  assert.equal(
    fillInTheMiddle(
      new Map([
        ['<|im_start|>', 0],
        ['<|fim_prefix|>', 1],
      ]),
    ),
    undefined,
  )
})
