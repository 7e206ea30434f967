import { InvalidArgumentError } from 'commander'
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

/** `2s`, `500ms`, `1.5m`: milliseconds. A bare number has no obvious unit here. */
export function duration(text: string): number {
  const value = quantity(text, DURATIONS)
  if (!(value > 0 && value < Infinity)) throw expected('a duration such as 500ms, 2s or 1m')
  return value
}

/** `64MiB`, `64MB`, `1GiB`, or a bare number of bytes. */
export function size(text: string): number {
  const value = quantity(text, { ...SIZES, '': 1 })
  if (!Number.isSafeInteger(value)) throw expected('a size such as 64MiB, 1GiB, 500KB or 4096')
  return value
}

/** A whole number of at least 1. */
export function count(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0
  if (!Number.isSafeInteger(value) || value < 1) throw expected('a whole number of at least 1')
  return value
}

/** The number of a port; 0 is any. */
export function port(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Infinity
  if (value > 65_535) throw expected('a port from 0 to 65535')
  return value
}

/** A whole number that fits into 64 bits. */
export function uint64(text: string): bigint {
  const value = /^\d+$/.test(text) ? BigInt(text) : -1n
  if (value < 0n || value >= 1n << 64n) throw expected('a whole number from 0 to 2^64 - 1')
  return value
}

/** A date (UTC), or date, time and zone, of ISO 8601: `2024-02-29`, `2024-02-29T12:00:00Z`. */
export function time(text: string): Date {
  const [, day] =
    /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/.exec(text) ??
    []
  const date = new Date(text)
  // `Date` takes a day that the month does not have for one of the next month.
  const exists = day !== undefined && new Date(day).toJSON()?.startsWith(day)
  if (!exists || !(date.getTime() >= 0))
    throw expected('a time from 1970 on such as 2024-02-29T12:00:00Z')
  return date
}

export type Preopens = Record<string, Preopen>

/** `host[::guest][:rw]`: the guest path is by default that of the host; without `:rw` it is read-only. */
export function directory(text: string, previous: Preopens | undefined): Preopens {
  const [, paths = '', mode] = /^(.*?)(?::(rw|ro))?$/s.exec(text) ?? []
  const [hostPath = '', guestPath = hostPath, ...more] = paths.split('::')
  if (hostPath === '' || guestPath === '' || more.length > 0) {
    throw expected('HOST, HOST::GUEST or either with :rw at its end')
  }
  if (previous !== undefined && Object.hasOwn(previous, guestPath)) {
    throw new InvalidArgumentError(`The guest path ${guestPath} is given twice.`)
  }
  return { ...previous, [guestPath]: { hostPath, access: mode === 'rw' ? 'write' : 'read' } }
}

export type Environment = Record<string, string | undefined>

/** `K=V`, or, as in docker, `K` for the value that the caller has, if any. */
export function variable(
  env: Environment,
): (text: string, previous: Environment | undefined) => Environment {
  return (text, previous) => {
    const equals = text.indexOf('=')
    const name = equals < 0 ? text : text.slice(0, equals)
    if (name === '') throw expected('NAME=VALUE, or NAME for the value that it has here')
    const own = Object.hasOwn(env, name) ? env[name] : undefined
    return { ...previous, [name]: equals < 0 ? own : text.slice(equals + 1) }
  }
}

function quantity(text: string, units: Readonly<Record<string, number>>): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text) ?? []
  const known = Object.keys(units).find((name) => name.toLowerCase() === unit.toLowerCase())
  if (number === '' || known === undefined) return Number.NaN
  // Rounded where binary fractions would show: 1.1s is 1100 ms.
  return Number((Number(number) * units[known]!).toPrecision(15))
}

function expected(what: string): InvalidArgumentError {
  return new InvalidArgumentError(`Expected ${what}.`)
}
