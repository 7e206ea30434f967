import { isIPv4, isIPv6 } from 'node:net'
import { invalid } from '../check.ts'
import { parseNamePattern, type NamePattern } from './network-name.ts'

/** `[tcp:|udp:]HOST:PORTS`, taken apart. */
export interface NetworkRule {
  readonly protocol: 'tcp' | 'udp'
  readonly host: NetworkHost
  /** Ranges: first and last. */
  readonly ports: readonly (readonly [number, number])[]
}

/** Every address, those of a network, or those of a name. */
export type NetworkHost =
  | { readonly kind: 'any' }
  | { readonly kind: 'ipv4' | 'ipv6'; readonly bytes: Uint8Array; readonly prefix: number }
  | { readonly kind: 'name'; readonly pattern: NamePattern }

const MAX_PORT = 65_535

const SHAPE = "[tcp:|udp:]HOST:PORTS, such as '127.0.0.1:5432' or 'udp:[::1]:53'"

/**
 * Takes a rule of `network.allow` or `network.listen` apart.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function parseNetworkRule(
  option: string,
  text: string,
  list: 'allow' | 'listen',
): NetworkRule {
  const refuse = (expected: string) => invalid(option, expected, text)
  const [, protocol, rest = ''] = /^(?:(tcp|udp):)?(.*)$/su.exec(text) ?? []
  const end = rest.startsWith('[') ? rest.indexOf(']') + 1 : rest.lastIndexOf(':')
  if (end <= 0 || rest[end] !== ':') throw refuse(SHAPE)
  const host = parseHost(option, rest.slice(0, end), text)
  if (list === 'listen' && host.kind === 'name')
    throw refuse('a rule with an address: names are not bound')
  return {
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    host,
    ports: parsePortList(rest.slice(end + 1), list, refuse),
  }
}

type Refuse = (expected: string) => Error

function parsePortList(
  text: string,
  list: 'allow' | 'listen',
  refuse: Refuse,
): readonly (readonly [number, number])[] {
  const least = list === 'listen' ? 0 : 1
  if (text === '*') return [[least, MAX_PORT]]
  return text.split(',').map((ports) => parsePorts(ports, least, refuse))
}

function parsePorts(text: string, least: number, refuse: Refuse): readonly [number, number] {
  const [, first, last] = /^(0|[1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(text) ?? []
  if (first === undefined)
    throw refuse(
      "a rule whose ports are '*', a number, a range (80-90) or a list of these (80,443)",
    )
  const range = [Number(first), Number(last ?? first)] as const
  if (range[0] < least || range[1] > MAX_PORT)
    throw refuse(`a rule whose ports are from ${least} to ${MAX_PORT}`)
  if (range[0] > range[1]) throw refuse('a rule whose ranges of ports begin with the lower port')
  if (range[0] === 0 && range[1] > 0)
    throw refuse('a rule without 0 in a range of ports: 0 is any port that the system chooses')
  return range
}

/**
 * Takes the host of a rule apart.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`, which shows the whole rule.
 */
export function parseHost(
  option: string,
  host: string,
  text: string,
  expected = 'a rule whose host is an address, a network, a name or *',
): NetworkHost {
  const refuse = (expected: string) => invalid(option, expected, text)
  if (host === '*') return { kind: 'any' }
  if (host.startsWith('[')) return parseIPv6(host.slice(1, -1), refuse)
  if (isIPv6(host)) throw refuse(`a rule whose IPv6 address is in brackets: [${host}]`)
  if (host.includes(':')) throw refuse(SHAPE)
  const { address, prefix } = splitPrefix(host)
  if (isIPv4(address)) {
    const bytes = Uint8Array.from(address.split('.').map(Number))
    return { kind: 'ipv4', bytes, prefix: parsePrefix(bytes, prefix, refuse) }
  }
  if (prefix !== undefined)
    throw refuse('a rule whose network is an address and the length of its prefix: 10.0.0.0/8')
  const pattern = parseNamePattern(option, host, (why) => refuse(expected + why))
  return { kind: 'name', pattern }
}

function parseIPv6(host: string, refuse: Refuse): NetworkHost {
  const { address, prefix } = splitPrefix(host)
  if (address.includes('%'))
    throw refuse('a rule without a zone (%): it is for the address in every zone')
  if (!isIPv6(address))
    throw refuse('a rule whose brackets have an IPv6 address or network in them')
  const bytes = ipv6Bytes(address)
  if (isMapped(bytes))
    throw refuse(`a rule with the IPv4 address itself: ${bytes.slice(12).join('.')}`)
  return { kind: 'ipv6', bytes, prefix: parsePrefix(bytes, prefix, refuse) }
}

function splitPrefix(host: string): { address: string; prefix: string | undefined } {
  const slash = host.indexOf('/')
  if (slash < 0) return { address: host, prefix: undefined }
  return { address: host.slice(0, slash), prefix: host.slice(slash + 1) }
}

/** The length of a prefix; without one, the address is meant. */
function parsePrefix(bytes: Uint8Array, prefix: string | undefined, refuse: Refuse): number {
  const most = bytes.length * 8
  if (prefix === undefined) return most
  const length = /^(?:0|[1-9]\d{0,2})$/.test(prefix) ? Number(prefix) : Infinity
  if (length > most) throw refuse(`a rule whose prefix is from 0 to ${most} bits long`)
  const isBeyond = (byte: number, index: number) =>
    (byte & (0xff >> Math.min(8, Math.max(0, length - index * 8)))) !== 0
  if (bytes.some(isBeyond))
    throw refuse(`a rule whose network has only zeros after its first ${length} bits`)
  return length
}

/** The sixteen bytes of a valid address. */
function ipv6Bytes(address: string): Uint8Array {
  // The last two groups may be written as an IPv4 address.
  const groups = address.replace(/\d+\.\d+\.\d+\.\d+$/, (ipv4) => {
    const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [head = [], tail = []] = groups
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''))
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  head.forEach((group, index) => view.setUint16(index * 2, Number.parseInt(group, 16)))
  const start = 8 - tail.length
  tail.forEach((group, index) => view.setUint16((start + index) * 2, Number.parseInt(group, 16)))
  return bytes
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.every((byte, index) => index >= 12 || byte === (index < 10 ? 0 : 0xff))
}
