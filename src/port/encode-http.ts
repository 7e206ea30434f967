import { checkOptionsObject, checkString, invalid, unknown } from '../check.ts'
import type { Encoder } from '../encoder.ts'
import { fromNative } from '../errors.ts'
import type { HttpOptions } from '../options.ts'
import { HTTP_SCHEME, OPTION } from '../protocol.ts'
import { native } from './native.ts'
import { readList, writeHost, writeList } from './encode-network.ts'
import { parseHost, type NetworkHost } from './network-rule.ts'

/** `http[s]://HOST[:PORT]`, taken apart. */
interface Origin {
  readonly scheme: keyof typeof HTTP_SCHEME
  readonly host: NetworkHost
  /** First and last. */
  readonly ports: readonly [number, number]
}

const NAMES = ['allow', 'ca'] as const

const SHAPE = "an origin, such as 'https://api.example.com' or 'http://127.0.0.1:8080'"
const HOST = "an origin whose host is an address, a name, '*.' and a name, or *"
const DEFAULT_PORT = { http: 80, https: 443 }
const MAX_PORT = 65_535

/**
 * Writes the origins to which a run may send requests.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function encodeHttp(value: unknown, to: Encoder): void {
  if (value === false) {
    to.byte(OPTION.noHttp)
    return
  }
  checkOptionsObject('http', value, 'false or { allow, ca }')
  for (const name in value)
    if (!NAMES.includes(name as (typeof NAMES)[number])) throw unknown(`http.${name}`, name, NAMES)
  const { allow = [], ca } = value as HttpOptions
  const origins = readList('http.allow', allow, 'origins').map(([option, text]) =>
    parseOrigin(option, text),
  )
  if (ca !== undefined) {
    checkString('http.ca', ca)
    checkAuthorities(ca)
  }
  to.byte(OPTION.http)
  writeList(origins, to, writeOrigin)
  to.string(ca ?? '')
}

/** The text that was looked at last: mostly, all runs have the same. */
let lastAuthorities: string | undefined

function checkAuthorities(pem: string): void {
  if (pem === lastAuthorities) return
  try {
    native.checkAuthorities(pem)
  } catch (error) {
    throw fromNative(error)
  }
  lastAuthorities = pem
}

function parseOrigin(option: string, text: string): Origin {
  const refuse = (expected: string) => invalid(option, expected, text)
  const [, scheme, rest = ''] = /^(https?):\/\/(.+)$/su.exec(text) ?? []
  if (scheme === undefined) throw refuse(SHAPE)
  if (/[/?#]/.test(rest)) throw refuse('an origin without a path')
  if (rest.includes('@')) throw refuse('an origin without a user')
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/su.exec(rest) ?? []
  if (host === '') throw refuse(SHAPE)
  return {
    scheme: scheme as Origin['scheme'],
    host: parseHost(option, host, text, HOST),
    ports: parsePort(port, DEFAULT_PORT[scheme as Origin['scheme']], refuse),
  }
}

function parsePort(
  text: string | undefined,
  usual: number,
  refuse: (expected: string) => Error,
): readonly [number, number] {
  if (text === undefined) return [usual, usual]
  if (text === '*') return [1, MAX_PORT]
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : Infinity
  if (port > MAX_PORT) throw refuse(`an origin whose port is from 1 to ${MAX_PORT} or *`)
  return [port, port]
}

function writeOrigin({ scheme, host, ports }: Origin, to: Encoder): void {
  to.byte(HTTP_SCHEME[scheme])
  writeHost(host, to)
  to.uint16(ports[0])
  to.uint16(ports[1])
}
