// Answers from tokens whose bytes are known: UTF-8 split over tokens, stop strings, log-probabilities beside the text they belong to.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChosenLogprob, ModelEvent } from '../../wire/model.ts'
import { Answer } from './answer.ts'

const euro = Buffer.from('€')
const pieces: readonly Uint8Array[] = [
  Buffer.from('Hello'),
  Buffer.from(' world'),
  euro.subarray(0, 1),
  euro.subarray(1, 2),
  euro.subarray(2),
  Buffer.from('EN'),
  Buffer.from('D.'),
  Buffer.from('<tool>'),
]
const vocabulary = {
  piece: (token: number) => pieces[token] ?? new Uint8Array(),
  isControl: (token: number) => token === 7,
}

function logprob(tokenId: number): ChosenLogprob {
  return { token: '', tokenId, logprob: -tokenId, bytes: [], top: [] }
}

function run(tokens: number[], stop: string[] = []): { events: ModelEvent[]; stopped: boolean } {
  const answer = new Answer(vocabulary, { choice: 0, stop })
  const events: ModelEvent[] = []
  for (const token of tokens) {
    const step = answer.push(token, logprob(token))
    events.push(...step.events)
    if (step.stopped) return { events: [...events, ...answer.end()], stopped: true }
  }
  return { events: [...events, ...answer.end()], stopped: false }
}

const textOf = (events: ModelEvent[]) => events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('')
const tokensOf = (events: ModelEvent[]) =>
  events.flatMap((event) => (event.type === 'text-delta' ? (event.logprobs ?? []).map((entry) => entry.tokenId) : []))

test('a character split over tokens appears once it is whole, with the log-probabilities of all its tokens', () => {
  const { events } = run([0, 2, 3, 4])
  assert.equal(textOf(events), 'Hello€')
  assert.deepEqual(
    events.map((event) => event.type === 'text-delta' && [event.text, event.logprobs?.map((entry) => entry.tokenId)]),
    [
      ['Hello', [0]],
      ['€', [2, 3, 4]],
    ],
  )
})

test('bytes that never become a character end as U+FFFD', () => {
  assert.equal(textOf(run([0, 2]).events), 'Hello\ufffd')
})

test('a stop string over two tokens ends the answer before it, and its tokens are not counted', () => {
  const { events, stopped } = run([0, 5, 6, 1], ['END'])
  assert.equal(stopped, true)
  assert.equal(textOf(events), 'Hello')
  assert.deepEqual(tokensOf(events), [0])
})

test('text held for a stop string that never comes is released', () => {
  const { events } = run([0, 5], ['END'])
  assert.equal(textOf(events), 'HelloEN')
  assert.deepEqual(tokensOf(events), [0, 5])
})

test('without a parser control tokens are not text', () => {
  assert.equal(textOf(run([0, 7, 1]).events), 'Hello world')
})

test('what a parser makes of the pieces becomes events; calls are numbered and carry nine-character ids', () => {
  const parser = {
    push: (piece: { text: string; control: boolean }) =>
      piece.control
        ? [{ type: 'tool-call' as const, name: 'look', arguments: '{}' }]
        : [{ type: 'reasoning' as const, text: piece.text }],
    end: () => [{ type: 'text' as const, text: '!' }],
  }
  const answer = new Answer(vocabulary, { choice: 2, stop: [], parser })
  const events = [0, 7, 7].flatMap((token) => answer.push(token).events).concat(answer.end())
  assert.deepEqual(
    events.map((event) => event.type),
    ['reasoning-delta', 'tool-call', 'tool-call', 'text-delta'],
  )
  const calls = events.filter((event) => event.type === 'tool-call')
  assert.deepEqual(
    calls.map((event) => event.index),
    [0, 1],
  )
  for (const event of calls) assert.match(event.call.id, /^[a-zA-Z0-9]{9}$/)
  assert.equal(answer.calls.length, 2)
  assert.equal(answer.reasoningTokens, 1)
})
