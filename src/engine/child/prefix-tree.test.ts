// The tree against a plain list of arrays, over thousands of random changes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { commonLength, PrefixTree } from './prefix-tree.ts'

const tokens = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 8 })
const change = fc.oneof(
  fc.record({ do: fc.constant('add' as const), holder: fc.nat(5), scope: fc.constantFrom('a', 'b') }),
  fc.record({ do: fc.constant('extend' as const), holder: fc.nat(5), tokens }),
  fc.record({ do: fc.constant('truncate' as const), holder: fc.nat(5), length: fc.nat(9) }),
  fc.record({ do: fc.constant('remove' as const), holder: fc.nat(5) }),
)

test('every look-up agrees with comparing against each holder in turn', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), tokens, (changes, wanted) => {
      const tree = new PrefixTree<number>()
      const plain = new Map<number, { scope: string; tokens: number[] }>()
      for (const step of changes) {
        const held = plain.get(step.holder)
        if (step.do === 'add' && held === undefined) {
          tree.add(step.holder, step.scope)
          plain.set(step.holder, { scope: step.scope, tokens: [] })
        } else if (step.do === 'extend' && held !== undefined) {
          tree.extend(step.holder, step.tokens)
          held.tokens.push(...step.tokens)
        } else if (step.do === 'truncate' && held !== undefined) {
          tree.truncate(step.holder, step.length)
          held.tokens.length = Math.min(held.tokens.length, step.length)
        } else if (step.do === 'remove') {
          tree.remove(step.holder)
          plain.delete(step.holder)
        }
      }
      for (const scope of ['a', 'b']) check(tree, plain, scope, wanted)
    }),
    { numRuns: 2000 },
  )
})

function check(
  tree: PrefixTree<number>,
  plain: ReadonlyMap<number, { scope: string; tokens: number[] }>,
  scope: string,
  wanted: number[],
): void {
  const found = [...tree.matches(scope, wanted)]
  const expected = [...plain]
    .filter(([, held]) => held.scope === scope)
    .map(([holder, held]) => ({ holder, length: commonLength(held.tokens, 0, wanted, 0) }))
    .filter((match) => match.length > 0)
  assert.deepEqual(
    found.map((match) => match.length),
    found.map((match) => match.length).sort((left, right) => right - left),
  )
  const order = (left: { holder: number }, right: { holder: number }) => left.holder - right.holder
  assert.deepEqual(found.toSorted(order), expected.toSorted(order))
  for (const [holder, held] of plain) {
    assert.equal(tree.length(holder), held.tokens.length)
    const others = [...plain].filter(([other, { scope: at }]) => other !== holder && at === held.scope)
    const covered = others.some(([, other]) => commonLength(other.tokens, 0, held.tokens, 0) === held.tokens.length)
    assert.equal(tree.covered(holder), covered)
  }
}
