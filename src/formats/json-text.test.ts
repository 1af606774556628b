// JSON as text: nothing of what the sender wrote is lost.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compactJson, JsonEnd, objectMembers, pythonJson } from './json-text.ts'

test('compact JSON means the same and has no white space between tokens', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const spaced = JSON.stringify(value, null, 3)
      assert.equal(compactJson(spaced), JSON.stringify(value))
    }),
  )
})

test('compact JSON keeps numbers and escapes as they were written', () => {
  assert.equal(
    compactJson('{ "a" : 1.0 , "10": 12345678901234567890, "2": "\\u00e9 \\/" }'),
    '{"a":1.0,"10":12345678901234567890,"2":"\\u00e9 \\/"}',
  )
})

test('the end of an object is found however the text is cut', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.string(),
      fc.integer({ min: 1, max: 9 }),
      (value, after, size) => {
        const json = JSON.stringify(value)
        const text = json + after
        const reader = new JsonEnd()
        for (let at = 0; at < text.length; at += size) {
          const end = reader.read(text.slice(at, at + size))
          if (end < 0) continue
          assert.equal(at + end, json.length)
          return
        }
        assert.fail('the end was not found')
      },
    ),
  )
})

test('members of an object are found with their own text', () => {
  const members = objectMembers('{"name": "f", "arguments": {"a": [1.50, {"b": "}"}]} , "name": "g"}')
  assert.deepEqual(
    [...(members ?? [])],
    [
      ['name', '"g"'],
      ['arguments', '{"a": [1.50, {"b": "}"}]}'],
    ],
  )
  assert.equal(objectMembers('[1]'), undefined)
  assert.equal(objectMembers('{"a": }'), undefined)
})

test('members agree with JSON.parse', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const members = objectMembers(JSON.stringify(value, null, 2))
      const parsed = Object.fromEntries([...(members ?? [])].map(([key, text]) => [key, JSON.parse(text)]))
      assert.deepEqual(parsed, JSON.parse(JSON.stringify(value)))
    }),
  )
})

test("Python's form of numbers", () => {
  const cases = {
    '1.0': '1.0',
    '1e5': '100000.0',
    '1E16': '1e+16',
    '1e-7': '1e-07',
    '2.50': '2.5',
    '0.0001': '0.0001',
    '-0.0': '-0.0',
    '-0': '0',
    '1.5e300': '1.5e+300',
    '1e400': 'Infinity',
    '123456789012345678901234567890': '123456789012345678901234567890',
    '1234567.125': '1234567.125',
  }
  for (const [text, expected] of Object.entries(cases)) assert.equal(pythonJson(text), expected, text)
})

test("Python's form of everything else", () => {
  assert.equal(
    pythonJson('{"b":[1,2],"10":{},"2":NaN,"é":"\\u00e9\\/\\n"}'),
    '{"b": [1, 2], "10": {}, "2": NaN, "é": "é/\\n"}',
  )
  assert.equal(pythonJson('sunny'), undefined)
  assert.equal(pythonJson('{"a":1'), undefined)
})
