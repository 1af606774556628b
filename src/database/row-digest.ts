// One digest for all rows of a table, whatever their order and whichever database they lie in.

import { createHash } from 'node:crypto'
import type { Cell } from './snapshot.ts'

/** Collects rows. */
export interface RowDigest {
  add(cells: readonly Cell[]): void
  readonly rows: number
  /** 64 hexadecimal digits. */
  value(): string
}

const modulus = 1n << 256n

/**
 * The sum of the rows' SHA-256 values modulo 2^256: databases sort text differently, so the order must not count, and a row that is there
 * twice must.
 */
export function createRowDigest(): RowDigest {
  let sum = 0n
  let rows = 0
  return {
    add(cells) {
      rows += 1
      sum += BigInt(
        `0x${createHash('sha256')
          .update(JSON.stringify(cells.map(plain)))
          .digest('hex')}`,
      )
    },
    get rows() {
      return rows
    },
    value: () => (sum % modulus).toString(16).padStart(64, '0'),
  }
}

/** A value as JSON has it, the same for both databases; `cellOf` is its inverse but for booleans, which SQLite has not. */
export function plain(cell: Cell): string | number | null | { readonly base64: string } {
  if (typeof cell === 'boolean') return cell ? 1 : 0
  if (cell instanceof Uint8Array) return { base64: Buffer.from(cell).toString('base64') }
  if (typeof cell === 'number' && !Number.isFinite(cell)) throw new RangeError(`${cell} cannot be kept`)
  return cell
}

/** The value that `plain` wrote. Throws `TypeError` for anything else. */
export function cellOf(value: unknown): Cell {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  const base64 = typeof value === 'object' ? Reflect.get(value, 'base64') : undefined
  if (typeof base64 !== 'string') throw new TypeError('a value is none of text, number, null and bytes')
  return Buffer.from(base64, 'base64')
}
