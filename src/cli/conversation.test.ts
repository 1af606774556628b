// A conversation of the command line with a running server: what a model thinks and what it says come apart.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEchoModel } from '../../test/support/echo-model.ts'
import { startServer, testKey } from '../../test/support/server.ts'
import { systemClock } from '../base/clock.ts'
import { loadConfig } from '../base/config.ts'
import { connect } from './connection.ts'
import { askModel } from './conversation.ts'

test('thoughts and words are handed on as they come, each as what it is', async () => {
  const server = await startServer([createEchoModel({ name: 'thinker', reasoning: 'let me think' })])
  const connection = await connect(loadConfig({ flags: { 'api-key': testKey }, environment: {} }), server.url)
  try {
    const heard = { thought: '', said: '' }
    const { signal } = new AbortController()
    const turns = [{ role: 'user', content: 'hello' }] as const
    const answer = await askModel(connection, turns, { model: 'thinker' }, systemClock, signal, (text, thought) => {
      heard[thought ? 'thought' : 'said'] += text
    })
    assert.deepEqual(heard, { thought: 'let me think', said: 'hello' })
    assert.deepEqual([answer.reasoning, answer.text, answer.finishReason], ['let me think', 'hello', 'stop'])
  } finally {
    await connection.close()
    await server.stop()
  }
})
