// The tour for two engines. `log`, a function that the world itself imports, comes to each in another way. QuickJS has
// neither `console` nor `crypto`, numbers for u64, and null for none.
/* global log */
import { getArguments, getEnvironment } from 'wasi:cli/environment@0.2.0'
import { exit } from 'wasi:cli/exit@0.2.0'
import { getRandomBytes } from 'wasi:random/random@0.2.0'
import { Cursor, get, open, putAll, rest } from 'test:tour/store@1.0.0'

const QUICKJS = globalThis.console === undefined
const u64 = QUICKJS ? Number : BigInt

const COLOURS = ['red', 'green', 'dark-blue']

export const values = {
  negate: (value) => !value,
  integers: (...all) => all,
  floats: (...all) => all,
  nextChar: (value) => String.fromCodePoint(value.codePointAt(0) + 1),
  greet: (name) => `Grüße, ${name}!`,
  split: (text) => text.split(' '),
  reverse: (bytes) => bytes.reverse(),
  unsigned: (...all) => all,
  signed: (...all) => all,
  halves: (a, b) => [a.map((each) => each / 2), b.map((each) => each / 2)],
  boolsAndChars: (...all) => all,
  nextColour: (value) => COLOURS[COLOURS.indexOf(value) + 1],
  complement: ({ read, write, mayExecute }) => ({
    read: !read,
    write: !write,
    mayExecute: !mayExecute,
  }),
  allDays: (value) => value,
  move: (start, by) => ({ x: start.x + by[0], y: start.y + by[1] }),
  items: (values) => values.reverse(),
  shapes: (values) => values,
  area({ tag, val }) {
    switch (tag) {
      case 'empty':
        return 0
      case 'circle':
        return 3 * val * val
      case 'named-shape':
        throw { tag: 'unknown-name', val }
      default:
        throw { tag: 'has-no-area' }
    }
  },
  parse(text) {
    if (/^\d+$/.test(text) && Number(text) < 2 ** 32) return Number(text)
    throw `not a number: ${text}`
  },
  check(good) {
    if (!good) throw undefined
  },
  onlyError(text) {
    if (text != null) throw text
  },
  onlyValue(value) {
    if (value == null) throw undefined
    return value
  },
  nested: (value) => value,
  results: (values) => values,
  nothing() {},
}

class Counter {
  constructor(start) {
    this.count = start
  }
  nextValue() {
    this.count += 1
    return this.count
  }
  static merge(taken, seen) {
    return new Counter(taken.count + seen.count)
  }
  current() {
    return this.count
  }
}

export const counters = {
  Counter,
  make: (start) => Array.from(start, (each) => new Counter(each)),
  finish: (taken) => taken.count,
  total: (seen) => seen.reduce((sum, { count }) => sum + count, 0),
}

function restOf(cursor) {
  let total = 0
  for (let value; (value = cursor.nextValue() ?? undefined) !== undefined; ) total += value
  cursor[Symbol.dispose]()
  return total
}

export const work = {
  lookup: get,
  save: putAll,
  sum: (start) => restOf(new Cursor(start)),
  sumOf: (name) => restOf(open(name)),
  drain: restOf,
  look: rest,
  started(start) {
    const cursor = new Cursor(start)
    cursor.nextValue()
    return cursor
  },
  asked: () => Cursor.asked(),
}

export const system = {
  print: (line) => globalThis.console?.log(line),
  printError: (line) => globalThis.console?.error(line),
  variable: (name) => new Map(getEnvironment()).get(name),
  arguments: getArguments,
  now: () => u64(Date.now()),
  random: (count) =>
    QUICKJS ? getRandomBytes(count) : crypto.getRandomValues(new Uint8Array(count)),
}

export const endings = {
  crash(message) {
    throw new Error(message)
  },
  leave: (good) => exit({ tag: good ? 'ok' : 'err' }),
  spin() {
    for (;;);
  },
  hoard() {
    const kept = []
    for (;;) kept.push(new Uint8Array(1 << 20))
  },
}

export const shout = (line) => log(line.toUpperCase())

export const run = {
  run() {
    system.print('hello from javascript')
    switch (getArguments()[1]) {
      case 'fail':
        throw undefined
      case 'crash':
        endings.crash('boom from javascript')
      case 'leave':
        endings.leave(false)
    }
  },
}
