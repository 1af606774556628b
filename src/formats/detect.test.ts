// Which format a vocabulary and its template get.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detectFormat } from './detect.ts'
import type { VocabularyFacts } from './format.ts'

const facts = (tokens: string, more: Partial<VocabularyFacts> = {}): VocabularyFacts => ({
  architecture: 'llama',
  chatTemplate: undefined,
  tokens: new Map(tokens.split(' ').map((text, id) => [text, id])),
  tokenizerModel: 'gpt2',
  pre: undefined,
  beginOfSequence: '<s>',
  endOfSequence: '</s>',
  ...more,
})
const name = (tokens: string, more?: Partial<VocabularyFacts>) => detectFormat(facts(tokens, more)).name

const v3 = '<s> [INST] [TOOL_CALLS] [SUFFIX] [SYSTEM_PROMPT]'
const v13 = `${v3} [ARGS] [CALL_ID] [THINK] [/THINK]`
const v1Template =
  "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST] ' }}{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}"

test('versions of Mistral, by the tokens of the vocabulary', () => {
  assert.equal(name('<s> [INST] [TOOL_CALLS]'), 'mistral-v2-tekken')
  assert.equal(name('<s> [INST] [TOOL_CALLS] [SUFFIX]', { tokenizerModel: 'llama' }), 'mistral-v3')
  assert.equal(name(v3), 'mistral-v7-tekken')
  assert.equal(name(`${v3} [ARGS] [CALL_ID]`), 'mistral-v11-tekken')
  assert.equal(name(v13), 'mistral-v13-tekken')
})

test('versions of Mistral, by a template that uses less than the vocabulary has', () => {
  assert.equal(name(v3, { chatTemplate: '[INST] [TOOL_CALLS]' }), 'mistral-v3-tekken')
  assert.equal(name(v13, { chatTemplate: '[SYSTEM_PROMPT] [INST] [TOOL_CALLS] [' }), 'mistral-v7-tekken')
  assert.equal(
    name(v13, { chatTemplate: '[SYSTEM_PROMPT] [INST] [TOOL_CALLS] [CALL_ID] [ARGS]' }),
    'mistral-v11-tekken',
  )
  assert.equal(name(v13, { chatTemplate: '[SYSTEM_PROMPT] [INST] [TOOL_CALLS] [ARGS]' }), 'mistral-v13-tekken')
  assert.equal(name(`${v3} [ARGS] [CALL_ID]`, { chatTemplate: '[SYSTEM_PROMPT] [INST]' }), 'mistral-v11-tekken')
})

test('v1 is told by what its template writes, and Llama 2 and others are not it', () => {
  assert.equal(name('<s> </s>', { chatTemplate: v1Template, tokenizerModel: 'llama' }), 'mistral-v1')
  assert.equal(name('<s> </s>', { chatTemplate: `<<SYS>>${v1Template}` }), 'generic')
  assert.equal(name('<s> </s>', { chatTemplate: `{{ 'Chat:' }}${v1Template}` }), 'generic')
})

test('a Mistral fine-tuned on ChatML speaks ChatML', () => {
  assert.equal(name(`${v3} <|im_start|>`, { chatTemplate: '<|im_start|>{{ messages[0].content }}' }), 'hermes')
})

test('calls in the syntax that the template prints, else in words', () => {
  const hermes = '{% if tools %}<tool_call>{"name": x, "arguments": y}</tool_call>{% endif %}'
  assert.equal(name('<s>', { chatTemplate: hermes }), 'hermes')
  assert.equal(name('<s>', { chatTemplate: '{% if tools %}<tool_call><function=name>arguments{% endif %}' }), 'generic')
  assert.equal(
    name('<|python_tag|>', { chatTemplate: "{% if tools %}{{ 'Environment: ipython' }}{% endif %}" }),
    'llama-3',
  )
  assert.equal(name('<s>', { chatTemplate: '{{ messages[0].content }}' }), 'generic')
})

test('a model without a template gets one by its tokens', () => {
  assert.equal(name('<|im_start|> <|im_end|>'), 'hermes-chatml')
  assert.equal(name('<start_of_turn> <end_of_turn>'), 'generic-gemma')
  assert.equal(name('<|start_header_id|> <|eot_id|>'), 'generic-llama-3')
  assert.equal(name('<s>'), 'generic-plain')
})

test('tokens that end a turn end the answer', () => {
  assert.deepEqual(detectFormat(facts('<|im_start|> <|im_end|>')).stopTokens, ['<|im_end|>'])
  assert.deepEqual(detectFormat(facts('<s>')).stopStrings, ['\nUser:'])
})
