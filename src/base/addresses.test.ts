import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRange, isWithin, networkOf } from './addresses.ts'

test('ranges are addresses and networks, and nothing else', () => {
  for (const good of ['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', '2001:db8::/32', '::/0'])
    assert.ok(isRange(good), good)
  const bad = [
    '',
    'localhost',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0',
    '10.0.0.0/ 8',
  ]
  for (const text of bad) assert.ok(!isRange(text), text)
})

test('an address lies within a range of its own family; a mapped one counts as itself, a carried one does not', () => {
  const ranges = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']
  for (const address of [
    '10.255.0.1',
    '192.0.2.7',
    '2001:db8::9',
    '::ffff:10.1.2.3',
    '2001:db8::9%eth0',
    '10.1.2.3:4711',
    '[2001:db8::9]:443',
  ]) {
    assert.ok(isWithin(address, ranges), address)
  }
  for (const address of [
    '11.0.0.1',
    '192.0.2.8',
    '2001:db9::1',
    '2002:0a01:0203::1',
    '64:ff9b::10.1.2.3',
    'nonsense',
    '',
  ]) {
    assert.ok(!isWithin(address, ranges), address)
  }
  assert.ok(!isWithin('10.0.0.1', []))
})

test('the port that a proxy writes behind an address makes nobody somebody else', () => {
  for (const address of [
    '203.0.113.5',
    '203.0.113.5:1',
    '203.0.113.5:65535',
    '::ffff:203.0.113.5',
    '[::ffff:203.0.113.5]:7',
  ]) {
    assert.equal(networkOf(address), '203.0.113.5', address)
  }
  for (const address of ['2001:db8:1:2:3::4', '2001:db8:1:2::', '[2001:db8:1:2::9]', '[2001:db8:1:2::9]:443']) {
    assert.equal(networkOf(address), '2001:db8:1:2', address)
  }
})
