// Templates for models whose GGUF carries none, chosen by the control tokens of the vocabulary; the last one needs none at all.

import type { VocabularyFacts } from './format.ts'

const chatml =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

const gemma =
  '{{ bos_token }}{% for message in messages %}' +
  "{{ '<start_of_turn>' + ('model' if message.role == 'assistant' else 'user') + '\\n' + message.content + '<end_of_turn>\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"

const llama3 =
  '{{ bos_token }}{% for message in messages %}' +
  "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content + '<|eot_id|>' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"

const plain =
  "{% for message in messages %}{% if message.role == 'system' %}{{ message.content + '\\n\\n' }}" +
  "{% elif message.role == 'assistant' %}{{ 'Assistant: ' + message.content + '\\n' }}" +
  "{% else %}{{ 'User: ' + message.content + '\\n' }}{% endif %}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"

/** A template for a model without one, with the tokens that end its turns. The plain form is for base models: `User: …` and `Assistant: …` lines. */
export function fallbackTemplate(facts: VocabularyFacts): {
  name: string
  source: string
  stopTokens: readonly string[]
  stopStrings: readonly string[]
} {
  const has = (token: string) => facts.tokens.has(token)
  if (has('<|im_start|>') && has('<|im_end|>'))
    return { name: 'chatml', source: chatml, stopTokens: ['<|im_end|>'], stopStrings: [] }
  if (has('<start_of_turn>')) return { name: 'gemma', source: gemma, stopTokens: ['<end_of_turn>'], stopStrings: [] }
  if (has('<|start_header_id|>'))
    return { name: 'llama-3', source: llama3, stopTokens: ['<|eot_id|>'], stopStrings: [] }
  return { name: 'plain', source: plain, stopTokens: [], stopStrings: ['\nUser:'] }
}
