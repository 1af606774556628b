// Decides which network addresses outgoing connections may reach. Pure: resolves nothing and connects to nothing.
import { BlockList, isIP, isIPv4 } from 'node:net'

/** `public` may be reached always, `private` (loopback included) where the caller's policy says so, `forbidden` never. */
export type AddressClass = 'public' | 'private' | 'forbidden'

// IANA's special-purpose registries (RFC 6890 and updates). Link-local holds the clouds' metadata services, so no policy opens it.
const privateRanges = list([
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '::1/128',
  'fc00::/7',
])
const forbiddenRanges = list([
  '0.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '100::/64',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
  '2001:db8::/32',
])

/** Classifies an IPv4 or IPv6 address; IPv6 forms that carry an IPv4 address are judged by that address. */
export function classifyAddress(address: string): AddressClass {
  const family = isIP(address.split('%')[0] ?? '')
  if (family === 0) return 'forbidden'
  const carried = family === 6 ? carriedIPv4(address) : undefined
  if (carried !== undefined) return classifyAddress(carried)
  const kind = family === 6 ? 'ipv6' : 'ipv4'
  if (forbiddenRanges.check(address, kind)) return 'forbidden'
  return privateRanges.check(address, kind) ? 'private' : 'public'
}

/** Whether a text is an address or a network in CIDR notation: `10.1.2.3`, `10.0.0.0/8`, `2001:db8::/32`. */
export function isRange(text: string): boolean {
  const [network = '', prefix, ...more] = text.split('/')
  const family = isIP(network)
  if (family === 0 || more.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32))
}

/** Whether the address is one of, or lies in one of, these (as `isRange` has them). An IPv4 address in IPv6 form counts as itself. */
export function isWithin(address: string, ranges: readonly string[]): boolean {
  // Only the mapped form: a 6to4 or NAT64 address comes from elsewhere than the address that it carries.
  const judged = bareOf(address).replace(/^::ffff:(?=[\d.]+$)/i, '')
  if (isIP(judged) === 0) return false
  let known = lists.get(ranges)
  if (known === undefined) {
    known = list(ranges)
    lists.set(ranges, known)
  }
  return known.check(judged, isIPv4(judged) ? 'ipv4' : 'ipv6')
}

/** Whether all of an address or network lies in one of these. */
export function isRangeWithin(range: string, ranges: readonly string[]): boolean {
  const [network = '', prefix] = range.split('/')
  const bits = (text: string | undefined, address: string) => Number(text ?? (isIPv4(address) ? 32 : 128))
  return ranges.some((other) => {
    const [outer = '', outerPrefix] = other.split('/')
    const isLarger = isIPv4(outer) === isIPv4(network) && bits(outerPrefix, outer) <= bits(prefix, network)
    return isLarger && list([other]).check(network, isIPv4(network) ? 'ipv4' : 'ipv6')
  })
}

/** Who an address stands for where attempts are counted: IPv6 hands whoever asks a network of 2^64 of them, so its first half. */
export function networkOf(address: string): string {
  const bare = bareOf(address)
  if (isIP(bare) !== 6) return bare
  const words = expand(bare)
  const isMapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff
  return isMapped
    ? (carriedIPv4(bare) ?? bare)
    : words
        .slice(0, 4)
        .map((word) => word.toString(16))
        .join(':')
}

/** An address without its zone, and without the port that some proxies write behind it. */
function bareOf(address: string): string {
  const bare = address.replace(/^\[(.*)\](?::\d+)?$|^(\d+(?:\.\d+){3}):\d+$/, '$1$2')
  return bare.split('%')[0] ?? ''
}

const lists = new WeakMap<readonly string[], BlockList>()

/** The IPv4 address inside a mapped (::ffff:0:0/96), compatible (::/96), NAT64 (64:ff9b::/96) or 6to4 (2002::/16) address. */
function carriedIPv4(address: string): string | undefined {
  const words = expand(address)
  const [first, second] = words
  const embedded = (high: number | undefined, low: number | undefined) =>
    [(high ?? 0) >> 8, (high ?? 0) & 255, (low ?? 0) >> 8, (low ?? 0) & 255].join('.')
  if (first === 0x2002) return embedded(second, words[2])
  const leading = words.slice(0, 6)
  const isNat64 = first === 0x64 && second === 0xff9b && leading.slice(2).every((word) => word === 0)
  const isMapped = leading.slice(0, 5).every((word) => word === 0) && leading[5] === 0xffff
  // ::1 and :: are addresses of their own, not carriers of 0.0.0.1 and 0.0.0.0.
  const isCompatible = leading.every((word) => word === 0) && ((words[6] ?? 0) !== 0 || (words[7] ?? 0) > 1)
  return isNat64 || isMapped || isCompatible ? embedded(words[6], words[7]) : undefined
}

/** The eight 16-bit words of an IPv6 address. */
function expand(address: string): number[] {
  // The URL parser writes a dotted tail as two words and lower-cases the rest.
  const canonical = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)))
  const left = words(head)
  const right = tail === undefined ? [] : words(tail)
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right]
}

function list(ranges: readonly string[]): BlockList {
  const blocked = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/')
    const family = isIPv4(network) ? 'ipv4' : 'ipv6'
    blocked.addSubnet(network, Number(prefix ?? (family === 'ipv4' ? 32 : 128)), family)
  }
  return blocked
}
