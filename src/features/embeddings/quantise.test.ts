// Vectors against published values and against their own inverse.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { quantise, shorten, toBase64 } from './quantise.ts'

const unitVector = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 300 })
  .map((values) => Float32Array.from(values))
  .filter((values) => Math.hypot(...values) > 0.1)
  .map((values) => values.map((value) => value / Math.hypot(...values)))

test('binary packs ten signs into the two bytes that Mistral prints for ten dimensions', () => {
  // 17 and -64 are the first example of the codestral-embed documentation: 145 = 10010001 and 64 = 01000000 before the offset.
  const signs = [1, -1, -1, 1, -1, -1, -1, 1, -1, 1]
  const vector = Float32Array.from(signs, (sign) => sign / Math.sqrt(10))
  assert.deepEqual([...quantise(vector, 'binary')], [17, -64])
  assert.deepEqual([...quantise(vector, 'ubinary')], [145, 64])
})

test('int8 and uint8 come back within half a step', () => {
  fc.assert(
    fc.property(unitVector, (vector) => {
      const signed = quantise(vector, 'int8')
      const unsigned = quantise(vector, 'uint8')
      vector.forEach((value, index) => {
        assert.ok(Math.abs((signed[index] ?? Number.NaN) / 127 - value) <= 0.5 / 127 + 1e-6)
        assert.ok(Math.abs((unsigned[index] ?? Number.NaN) / 127.5 - 1 - value) <= 0.5 / 127.5 + 1e-6)
      })
    }),
  )
})

test('base64 of floats reads back bit for bit, little-endian', () => {
  fc.assert(
    fc.property(unitVector, (vector) => {
      const bytes = Buffer.from(toBase64(vector), 'base64')
      assert.deepEqual(
        Array.from(vector, (_, index) => bytes.readFloatLE(index * 4)),
        [...vector],
      )
    }),
  )
  assert.equal(toBase64(Float32Array.of(1)), 'AACAPw==')
  assert.equal(toBase64(Int8Array.of(-1, 1)), '/wE=')
})

test('a shortened vector has unit length and the direction of its first numbers', () => {
  const short = shorten(Float32Array.of(0.6, 0, 0.8), 2)
  assert.deepEqual([...short], [1, 0])
  assert.deepEqual([...shorten(Float32Array.of(0, 0, 1), 2)], [0, 0])
  const whole = Float32Array.of(0.6, 0.8)
  assert.equal(shorten(whole, 2), whole)
  assert.equal(shorten(whole, undefined), whole)
})
