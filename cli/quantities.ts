import type { Preopen } from '../src/index.ts'

/** In milliseconds. */
const DURATIONS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
/** In bytes. Powers of 1024 have an `i`. */
const SIZES = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

/** What each kind of text looks like, for messages. */
export const EXPECTED = {
  duration: 'a duration such as 500ms, 2s or 1m',
  size: 'a size such as 64MiB, 1GiB, 500KB or 4096',
  count: 'a whole number of at least 1',
  whole: 'a whole number',
  uint64: 'a whole number from 0 to 2^64 - 1',
  directory: 'HOST, HOST::GUEST or either with :rw at its end',
} as const

/** `2s`, `500ms`, `1.5m`: milliseconds. A bare number has no obvious unit here. */
export function readDuration(text: string): number | undefined {
  const value = quantity(text, DURATIONS)
  return value > 0 && value < Infinity ? value : undefined
}

/** `64MiB`, `64MB`, `1GiB`, or a bare number of bytes. */
export function readSize(text: string): number | undefined {
  const value = quantity(text, { ...SIZES, '': 1 })
  return Number.isSafeInteger(value) ? value : undefined
}

/** A whole number of at least 1. */
export function readCount(text: string): number | undefined {
  const value = readWhole(text)
  return value === 0 ? undefined : value
}

/** A whole number, also 0. */
export function readWhole(text: string): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) ? value : undefined
}

/** A whole number that fits into 64 bits. */
export function readUint64(text: string): bigint | undefined {
  const value = /^\d+$/.test(text) ? BigInt(text) : -1n
  return value < 0n || value >= 1n << 64n ? undefined : value
}

/** `host[::guest][:rw]`: the guest path is by default that of the host; without `:rw` it is read-only. */
export function readDirectory(text: string): [guestPath: string, preopen: Preopen] | undefined {
  const [, paths = '', mode] = /^(.*?)(?::(rw|ro))?$/s.exec(text) ?? []
  const [hostPath = '', guestPath = hostPath, ...more] = paths.split('::')
  if (hostPath === '' || guestPath === '' || more.length > 0) return undefined
  return [guestPath, { hostPath, access: mode === 'rw' ? 'write' : 'read' }]
}

function quantity(text: string, units: Readonly<Record<string, number>>): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text) ?? []
  const known = Object.keys(units).find((name) => name.toLowerCase() === unit.toLowerCase())
  if (number === '' || known === undefined) return Number.NaN
  // Rounded where binary fractions would show: 1.1s is 1100 ms.
  return Number((Number(number) * units[known]!).toPrecision(15))
}
