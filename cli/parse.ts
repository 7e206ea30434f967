import { InvalidArgumentError } from 'commander'
import type { Preopen } from '../src/index.ts'
import { READERS, type ValueKind } from './limit-flags.ts'
import { EXPECTED, readCount, readDirectory, readDuration, readUint64 } from './quantities.ts'

/** `2s`, `500ms`, `1.5m`: milliseconds. */
export function duration(text: string): number {
  return known(readDuration(text), EXPECTED.duration)
}

/** A whole number of at least 1. */
export function count(text: string): number {
  return known(readCount(text), EXPECTED.count)
}

/** The value of a limit. */
export function limit(kind: ValueKind): (text: string) => number | bigint {
  return (text) => known<number | bigint>(READERS[kind](text), EXPECTED[kind])
}

/** The number of a port; 0 is any. */
export function port(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Infinity
  if (value > 65_535) throw expected('a port from 0 to 65535')
  return value
}

/** A file or folder to write. */
export function filePath(text: string): string {
  if (text === '') throw expected('a path')
  return text
}

/** An address or a name. To Node, an empty one is all addresses of this machine. */
export function host(text: string): string {
  if (text.trim() === '') throw expected('an address or a name such as 127.0.0.1 or localhost')
  return text
}

/** A whole number that fits into 64 bits. */
export function uint64(text: string): bigint {
  return known(readUint64(text), EXPECTED.uint64)
}

/** Guests count nanoseconds in 64 bits. */
const MAX_TIME = 18_446_744_073_709

/** A date (UTC), or date, time and zone, of ISO 8601: `2024-02-29`, `2024-02-29T12:00:00Z`. */
export function time(text: string): Date {
  const [, day] =
    /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/.exec(text) ??
    []
  const date = new Date(text)
  // `Date` takes a day that the month does not have for one of the next month.
  const exists = day !== undefined && new Date(day).toJSON()?.startsWith(day)
  if (!exists || !(date.getTime() >= 0 && date.getTime() <= MAX_TIME))
    throw expected('a time from 1970 to July 2554 such as 2024-02-29T12:00:00Z')
  return date
}

export type Preopens = Record<string, Preopen>

/** `host[::guest][:rw]`, once per guest path. */
export function directory(text: string, previous: Preopens | undefined): Preopens {
  const [guestPath, preopen] = known(readDirectory(text), EXPECTED.directory)
  if (previous !== undefined && Object.hasOwn(previous, guestPath)) {
    throw new InvalidArgumentError(`The guest path ${guestPath} is given twice.`)
  }
  return { ...previous, [guestPath]: preopen }
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

function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw expected(what)
  return value
}

function expected(what: string): InvalidArgumentError {
  return new InvalidArgumentError(`Expected ${what}.`)
}
