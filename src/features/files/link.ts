// Signed addresses: whoever has one reads that file until it expires, without a key. Pure.
import { createHmac, timingSafeEqual } from 'node:crypto'

/** What of a file goes into its signature. */
export interface Signed {
  readonly id: string
  readonly link_secret: string
}

/** The path of an address that opens the file until `expires`, in seconds since 1970. */
export function signedPath(file: Signed, expires: number): string {
  return `/galerne/v1/files/${encodeURIComponent(file.id)}/content?expires=${expires}&signature=${sign(file, expires)}`
}

/** Whether the signature is the file's own for that time; the comparison takes the same time for any answer. */
export function isSigned(file: Signed, expires: number, signature: string): boolean {
  const [given, right] = [Buffer.from(signature), Buffer.from(sign(file, expires))]
  return given.length === right.length && timingSafeEqual(given, right)
}

function sign({ id, link_secret }: Signed, expires: number): string {
  return createHmac('sha256', link_secret).update(`${id}\n${expires}`).digest('base64url')
}
