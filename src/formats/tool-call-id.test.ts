// Ids for Mistral: nine letters and digits, the same for the same id.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nineCharacterId } from './tool-call-id.ts'

test('any id becomes nine letters and digits, always the same', () => {
  fc.assert(
    fc.property(fc.string(), (id) => {
      assert.match(nineCharacterId(id), /^[a-zA-Z0-9]{9}$/)
      assert.equal(nineCharacterId(id), nineCharacterId(id))
    }),
  )
})

test('an id of that form stays, and different ids differ', () => {
  assert.equal(nineCharacterId('a1B2c3D4e'), 'a1B2c3D4e')
  assert.notEqual(nineCharacterId('call_abc'), nineCharacterId('call_abd'))
})
