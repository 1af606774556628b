// How calls of a batch are told from others: the ids of their requests begin alike. So nothing more is kept of each call.
import { createHash } from 'node:crypto'

/** With what the request ids of a batch's calls begin: 64 bits of its id's hash, as hexadecimal digits. */
export function batchMark(batch: string): string {
  return createHash('sha256').update(batch).digest('hex').slice(0, 16)
}

/** The request id of an attempt at a line, 32 hexadecimal digits: the same after a crash, so that it is counted once; another after a failure. */
export function batchRequestId(batch: string, number: number, attempt: number): string {
  return batchMark(batch) + batchMark(`${batch}\n${number}\n${attempt}`)
}
