import type { Limit, Program, ServeLimits } from '../src/index.ts'
import { FLAG_NAMES } from './flag-names.ts'

/** `timeout after 2 s`, `memory limit of 64 MiB`. */
export function describeLimit(limit: Limit['limit'], limits: ServeLimits = {}): string {
  switch (limit) {
    case 'timeout':
      return limits.timeoutMs === undefined ? 'timeout' : `timeout after ${time(limits.timeoutMs)}`
    case 'cpu':
      return of('cpu limit', limits.cpuMs, time)
    case 'fuel':
      return of('fuel limit', limits.fuel, String)
    case 'memory':
      return of('memory limit', limits.memoryBytes, bytes)
    case 'output':
      return of('output limit', limits.outputBytes, bytes)
    case 'network':
      return of('network limit', directions(limits) || undefined, String)
    case 'request':
      return of('request limit', limits.requestBytes, bytes)
    case 'response':
      return of('response limit', limits.responseBytes, bytes)
    default:
      return limit satisfies never
  }
}

/** `64 KiB sent and 1 MiB received`. */
function directions({
  networkSentBytes: sent,
  networkReceivedBytes: received,
}: ServeLimits): string {
  const both = [sent && `${bytes(sent)} sent`, received && `${bytes(received)} received`]
  return both.filter(Boolean).join(' and ')
}

function of<T>(name: string, value: T | undefined, show: (value: T) => string): string {
  return value === undefined ? name : `${name} of ${show(value)}`
}

/** `250 ms`, `2 s`, `1.5 min`. */
export function time(ms: number): string {
  if (ms < 1000) return `${round(ms)} ms`
  if (ms < 120_000) return `${round(ms / 1000)} s`
  return `${round(ms / 60_000)} min`
}

/** `512 B`, `64 KiB`, `1.5 GiB`. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  let unit = 0
  let value = count
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${round(value)} ${units[unit]}`
}

function round(value: number): string {
  return String(Number(value.toFixed(2)))
}

/** The versions of WASI as the documentation names them. */
export const WASI: Readonly<Record<Program['wasi'], string>> = {
  none: 'no WASI',
  p0: 'WASI 0.0 (wasi_unstable)',
  p1: 'WASI 0.1',
  p2: 'WASI 0.2',
  p3: 'WASI 0.3',
}

/** The options of the command, by their names in the library's messages. */
const LIBRARY_NAMES: Readonly<Record<string, string>> = {
  preopens: '--dir',
  env: '--env',
  randomSeed: '--seed',
  threads: '--threads',
  concurrency: '--concurrency',
  files: '--file',
  collect: '--collect',
  config: '--config',
  keyvalue: '--keyvalue',
  network: '--allow-net, --listen and --allow-dns',
  ...FLAG_NAMES,
  cache: '--cache-dir',
  'interruptible: false': '--no-interruptible',
  // The command has no functions to give.
  imports: 'the option `imports` in JavaScript',
  instantiate: 'wasiexec run --invoke',
  serve: 'wasiexec serve',
}

/** A message of the library with the names that options have on the command line. */
export function withOptionNames(message: string): string {
  return message.replaceAll(/`([\w.: ]+)(?:\[.*?\])?`/g, (quoted, name: string) =>
    Object.hasOwn(LIBRARY_NAMES, name) ? LIBRARY_NAMES[name]! : quoted,
  )
}
