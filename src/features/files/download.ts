// What the headers of a download say and ask: the name under which it is saved, and the part that is wanted of it. Pure.
import type { ByteRange } from './contents.ts'

/** The header that has a file saved under its name: in ASCII for old clients, and whole (RFC 6266, RFC 8187). */
export function disposition(filename: string): string {
  const ascii = filename.toWellFormed().replace(/[^\x20-\x7e]|["\\]/gu, '_')
  const whole = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${ascii}"; filename*=UTF-8''${whole}`
}

/** The part that `Range` asks for; what is no single range of bytes is to be ignored (RFC 9110, 14.2). */
export function readRange(header: string | undefined, bytes: number): ByteRange | 'whole' | 'beyond' {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (from === '' && to === '') return 'whole'
  if (from !== '' && to !== '' && Number(to) < Number(from)) return 'whole'
  const start = from === '' ? Math.max(0, bytes - Number(to)) : Number(from)
  if (start >= bytes) return 'beyond'
  const last = from === '' || to === '' ? bytes - 1 : Math.min(bytes - 1, Number(to))
  return { start, length: last - start + 1 }
}
