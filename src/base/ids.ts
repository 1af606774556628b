// Makes the ids of the product: sortable by time with a type prefix, or opaque random ones. Reads time only through the clock it is given.
import { randomBytes, randomFillSync, randomInt } from 'node:crypto'
import { type Clock, systemClock } from './clock.ts'

// Crockford's base 32: ASCII order is value order, and no letter is mistaken for a digit.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const alphanumeric = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

// Asking the system for a few bytes takes as long as for a page of them, and every request wants some.
const pool = Buffer.alloc(4096)
let poolUsed = pool.length

let lastTime = 0
let lastTail = 0n

/**
 * A time-ordered id: `key_01kaq…`, 26 characters after the prefix as in ULID (48 bits of milliseconds, 80 random bits).
 * Ids made by one process sort in the order they were made, also within one millisecond.
 */
export function newId(prefix: string, clock: Clock = systemClock): string {
  const now = clock.now()
  // A clock that steps back must not reorder: stay on the last time and count up.
  if (now > lastTime) {
    lastTime = now
    lastTail = BigInt(`0x${randomBytes(10).toString('hex')}`) >> 1n
  } else {
    lastTail += 1n
  }
  return `${prefix}_${encode(BigInt(lastTime), 10)}${encode(lastTail, 16)}`
}

/** Random hexadecimal digits, two a byte: 32 are the form of Mistral's ids and of W3C trace ids. */
export function hexId(bytes = 16): string {
  if (poolUsed + bytes > pool.length) {
    randomFillSync(pool)
    poolUsed = 0
  }
  poolUsed += bytes
  return pool.toString('hex', poolUsed - bytes, poolUsed)
}

/** Random letters and digits, for instance the nine of Mistral's tool calls. */
export function shortId(length: number): string {
  return Array.from({ length }, () => alphanumeric[randomInt(alphanumeric.length)]).join('')
}

function encode(value: bigint, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest >>= 5n) text = (alphabet[Number(rest & 31n)] ?? '') + text
  return text
}
