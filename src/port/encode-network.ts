import { checkOptionsObject, checkString, invalid, showLength, unknown } from '../check.ts'
import type { NetworkOptions } from '../options.ts'
import { NAME_PATTERN, NETWORK_HOST, NETWORK_PROTOCOL, OPTION } from '../protocol.ts'
import type { Encoder } from '../encoder.ts'
import { parseNamePattern, type NamePattern } from './network-name.ts'
import { parseNetworkRule, type NetworkHost, type NetworkRule } from './network-rule.ts'

/** The most rules or names of a list. */
const MAX_ENTRIES = 1000

const NAMES = ['allow', 'listen', 'dns'] as const

/**
 * Writes the network of a run.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function encodeNetwork(value: unknown, to: Encoder): void {
  if (value === false) {
    to.byte(OPTION.noNetwork)
    return
  }
  checkOptionsObject('network', value, 'false or { allow, listen, dns }')
  for (const name in value)
    if (!NAMES.includes(name as (typeof NAMES)[number]))
      throw unknown(`network.${name}`, name, NAMES)
  const { allow = [], listen = [], dns } = value as NetworkOptions
  const allowed = readList('network.allow', allow, 'rules').map(([option, text]) => {
    const rule = parseNetworkRule(option, text, 'allow')
    if (dns === false && rule.host.kind === 'name')
      throw invalid(option, 'a rule with an address, because `network.dns` is false', text)
    return rule
  })
  const bound = readList('network.listen', listen, 'rules').map(([option, text]) =>
    parseNetworkRule(option, text, 'listen'),
  )
  const names = dns === undefined || dns === false ? [] : readList('network.dns', dns, 'names')
  to.byte(OPTION.network)
  writeList(allowed, to, writeRule)
  writeList(bound, to, writeRule)
  writeList(
    names.map(([option, text]) => parseNamePattern(option, text)),
    to,
    writePattern,
  )
}

/** The entries of a list, each with the option that it is. */
export function readList(
  option: string,
  value: unknown,
  what: string,
): [option: string, text: string][] {
  const expected = option === 'network.dns' ? `false or an array of ${what}` : `an array of ${what}`
  if (!Array.isArray(value)) throw invalid(option, expected, value)
  if (value.length > MAX_ENTRIES)
    throw invalid(option, `an array of at most ${MAX_ENTRIES} ${what}`, value, showLength(value))
  // Not `map`, which would skip holes.
  return Array.from(value as unknown[], (entry, index) => {
    const name = `${option}[${index}]`
    checkString(name, entry)
    return [name, entry]
  })
}

export function writeList<T>(
  list: readonly T[],
  to: Encoder,
  write: (item: T, to: Encoder) => void,
): void {
  to.uint32(list.length)
  for (const item of list) write(item, to)
}

function writeRule({ protocol, host, ports }: NetworkRule, to: Encoder): void {
  to.byte(NETWORK_PROTOCOL[protocol])
  writeHost(host, to)
  writeList(ports, to, ([first, last]) => {
    to.uint16(first)
    to.uint16(last)
  })
}

export function writeHost(host: NetworkHost, to: Encoder): void {
  to.byte(NETWORK_HOST[host.kind])
  switch (host.kind) {
    case 'any':
      break
    case 'ipv4':
    case 'ipv6':
      to.raw(host.bytes)
      to.byte(host.prefix)
      break
    case 'name':
      writePattern(host.pattern, to)
      break
    default:
      host satisfies never
  }
}

function writePattern(pattern: NamePattern, to: Encoder): void {
  to.byte(NAME_PATTERN[pattern.kind])
  if (pattern.kind !== 'any') to.string(pattern.name)
}
