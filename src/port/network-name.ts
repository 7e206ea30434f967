import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { invalid, shorten } from '../check.ts'

/** Every name, one name, or the names below one. Names are in the form in which DNS has them. */
export type NamePattern =
  { readonly kind: 'any' } | { readonly kind: 'exact' | 'below'; readonly name: string }

/** As in DNS: of a name, and of a label in it. */
const MAX_NAME = 253
const LABEL = /^[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?$/
/** What the host of a URL cannot contain, or would change what is meant. */
const FOREIGN = /[\s/\\?#@:%[\]*<>^|"`{}]/

const EXPECTED = "a name, '*.' and a name, or '*'"

/**
 * Takes a pattern of names apart.
 *
 * @param refuse Makes the error from what was expected.
 * @throws {WasiexecError} What `refuse` returns; `ERR_INVALID_OPTION` without it.
 */
export function parseNamePattern(
  option: string,
  text: string,
  refuse: (why: string) => Error = (why) => invalid(option, EXPECTED + why, text),
): NamePattern {
  if (text === '*') return { kind: 'any' }
  const below = text.startsWith('*.')
  return { kind: below ? 'below' : 'exact', name: parseName(below ? text.slice(2) : text, refuse) }
}

/** The name in lower case and ASCII, without a dot at its end. */
function parseName(name: string, refuse: (why: string) => Error): string {
  if (FOREIGN.test(name)) throw refuse('')
  const plain = name.endsWith('.') ? name.slice(0, -1) : name
  const ascii = domainToASCII(plain)
  // URLs read numbers as parts of an address: `127.1`, `0x7f000001`, `010.0.0.1`.
  if (isIP(ascii) !== 0) {
    const what = isIP(plain) === 0 ? `the address ${ascii} in another notation` : 'an address'
    throw refuse(` (${shorten(plain)} is ${what})`)
  }
  const isName = ascii.length <= MAX_NAME && ascii.split('.').every((label) => LABEL.test(label))
  if (!isName || isNumber(ascii.slice(ascii.lastIndexOf('.') + 1))) throw refuse('')
  return ascii
}

/** No name ends in a number: resolvers would take the name for an address. */
function isNumber(label: string): boolean {
  return /^(?:\d+|0x[\da-f]*)$/.test(label)
}
