// The component of guests/src/tour/wit, which other people's tools have made of one language each, and what it is asked.
import type { Imports } from './package.ts'

export const tours = (await import(new URL('../../guests/tour.mjs', import.meta.url).href)) as {
  languages: readonly string[]
  provideTools(): void
  tour(language: string): Promise<string>
  composed(language: string, store: string): Promise<string>
  later(): Promise<string>
}

/** Why the tools cannot be installed: not every platform has them all. On the first one, that is a failure. */
export const withoutTools: string | undefined = reasonNotToBuild()

function reasonNotToBuild(): string | undefined {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  try {
    tours.provideTools()
    return undefined
  } catch (error) {
    const first = process.arch === 'x64' && header?.glibcVersionRuntime !== undefined
    if (first && process.env['CI'] !== undefined) throw error
    const { message } = error as Error
    console.warn(`components in Python and JavaScript are not tested: ${message}`)
    return message
  }
}

/** What the languages do not have in common, beside how they end. */
export interface Ways {
  /** The largest u64 and the least s64 that come back: QuickJS has numbers for them. */
  readonly largest: bigint
  readonly least: bigint
  /** The largest u32 within a `result` that comes back. */
  readonly parsed: number
}

type Row = readonly [name: string, args: readonly unknown[], expected: unknown]

const NO_DAY = Object.fromEntries(
  Array.from({ length: 12 }, (_, index) => [`d${index + 1}`, false]),
)
const ITEMS = [
  {
    name: 'Ä',
    unitPrice: -1.5,
    sizes: Uint32Array.of(1, 2 ** 32 - 1),
    colour: 'dark-blue',
    permissions: { read: true, write: false, mayExecute: true },
    origin: { x: -1, y: 2 ** 31 - 1 },
  },
  {
    name: '',
    unitPrice: 0,
    sizes: new Uint32Array(),
    colour: 'red',
    permissions: { read: false, write: false, mayExecute: false },
    origin: undefined,
  },
]
const SHAPES = [
  { tag: 'empty' },
  { tag: 'circle', val: 0.25 },
  { tag: 'polygon', val: [] },
  { tag: 'polygon', val: [{ x: -(2 ** 31), y: 7 }] },
  { tag: 'named-shape', val: 'a shape' },
]

/** Calls that leave nothing behind. */
export function rowsOfValues({ largest, least, parsed }: Ways): readonly Row[] {
  const large = 'ü'.repeat(100_000)
  const results = [
    { tag: 'ok', val: 0 },
    { tag: 'err', val: 'no' },
    { tag: 'ok', val: parsed },
  ]
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 251)
  return [
    ['negate', [true], false],
    [
      'integers',
      [255, 65535, 2 ** 32 - 1, largest, -128, -32768, -(2 ** 31), least],
      [255, 65535, 2 ** 32 - 1, largest, -128, -32768, -(2 ** 31), least],
    ],
    [
      'integers',
      [0, 0, 0, 0n, 127, 32767, 2 ** 31 - 1, -1n],
      [0, 0, 0, 0n, 127, 32767, 2 ** 31 - 1, -1n],
    ],
    ['floats', [1.5, -0], [1.5, -0]],
    ['floats', [Infinity, Number.MIN_VALUE], [Infinity, Number.MIN_VALUE]],
    ['nextChar', ['a'], 'b'],
    ['nextChar', ['😀'], '😁'],
    ['greet', ['Wörld 🌍'], 'Grüße, Wörld 🌍!'],
    ['greet', [large], `Grüße, ${large}!`],
    ['split', ['a b  c'], ['a', 'b', '', 'c']],
    ['reverse', [bytes], bytes.toReversed()],
    ['reverse', [new Uint8Array()], new Uint8Array()],
    [
      'unsigned',
      [[0, 65535], [2 ** 32 - 1], [largest, 0n]],
      [Uint16Array.of(0, 65535), Uint32Array.of(2 ** 32 - 1), BigUint64Array.of(largest, 0n)],
    ],
    [
      'signed',
      [[-128], [-32768], [-(2 ** 31)], [least]],
      [
        Int8Array.of(-128),
        Int16Array.of(-32768),
        Int32Array.of(-(2 ** 31)),
        BigInt64Array.of(least),
      ],
    ],
    ['halves', [[1, -0.5], [3]], [Float32Array.of(0.5, -0.25), Float64Array.of(1.5)]],
    [
      'boolsAndChars',
      [
        [true, false],
        ['ä', '🌍'],
      ],
      [
        [true, false],
        ['ä', '🌍'],
      ],
    ],
    ['nextColour', ['green'], 'dark-blue'],
    ['nextColour', ['dark-blue'], undefined],
    ['complement', [{ read: true }], { read: false, write: true, mayExecute: true }],
    ['allDays', [{ d1: true, d12: true }], { ...NO_DAY, d1: true, d12: true }],
    ['move', [{ x: 1, y: 2 }, [3, -4]], { x: 4, y: -2 }],
    ['items', [ITEMS], ITEMS.toReversed()],
    ['shapes', [SHAPES], SHAPES],
    ['area', [{ tag: 'empty' }], { tag: 'ok', val: 0 }],
    ['area', [{ tag: 'circle', val: 2 }], { tag: 'ok', val: 12 }],
    ['area', [{ tag: 'polygon', val: [] }], { tag: 'err', val: { tag: 'has-no-area' } }],
    [
      'area',
      [{ tag: 'named-shape', val: 'x' }],
      { tag: 'err', val: { tag: 'unknown-name', val: 'x' } },
    ],
    ['parse', [`${parsed}`], { tag: 'ok', val: parsed }],
    ['parse', [`${2 ** 32}`], { tag: 'err', val: `not a number: ${2 ** 32}` }],
    ['parse', ['x'], { tag: 'err', val: 'not a number: x' }],
    ['check', [true], { tag: 'ok', val: undefined }],
    ['check', [false], { tag: 'err', val: undefined }],
    ['onlyError', [undefined], { tag: 'ok', val: undefined }],
    ['onlyError', ['broken'], { tag: 'err', val: 'broken' }],
    ['onlyValue', [7], { tag: 'ok', val: 7 }],
    ['onlyValue', [undefined], { tag: 'err', val: undefined }],
    ['nested', [{ tag: 'none' }], { tag: 'none' }],
    ['nested', [{ tag: 'some', val: undefined }], { tag: 'some', val: undefined }],
    ['nested', [{ tag: 'some', val: 'x' }], { tag: 'some', val: 'x' }],
    ['results', [results], results],
    ['nothing', [], undefined],
  ]
}

/** Calls of one instance with an empty store, in this order. */
export const ROWS_OF_WORK: readonly Row[] = [
  ['lookup', ['a'], undefined],
  [
    'save',
    [
      [
        ['a', 'Grüße'],
        ['b', ''],
      ],
    ],
    { tag: 'ok', val: 2 },
  ],
  ['lookup', ['a'], 'Grüße'],
  ['lookup', ['b'], ''],
  [
    'save',
    [
      [
        ['c', '1'],
        ['d', '2'],
      ],
    ],
    { tag: 'err', val: { tag: 'full', val: 3 } },
  ],
  ['sum', [4], 10],
  ['sumOf', ['up to 3'], { tag: 'ok', val: 6 }],
  ['sumOf', ['nothing'], { tag: 'err', val: { tag: 'refused', val: 'nothing' } }],
  // 5 for the first cursor and 4 for the second.
  ['asked', [], 9],
]

/** What the component needs of its host, with a look at what it has done. */
export interface Host {
  readonly imports: Imports
  readonly Cursor: new (start: number) => { left: number }
  readonly lines: readonly string[]
  /** How many cursors were dropped. */
  dropped(): number
}

/** A store with place for three entries; with `async`, its functions are, as far as a component cannot tell. */
export function host(async = false): Host {
  const entries = new Map<string, string>()
  const lines: string[] = []
  let [asked, dropped] = [0, 0]
  const later = <T>(value: T): T | Promise<T> =>
    async ? new Promise((resolve) => setTimeout(() => resolve(value), 1)) : value
  class Cursor implements Disposable {
    left: number
    constructor(start: number) {
      this.left = start
    }
    static asked(): number {
      return asked
    }
    nextValue(): number | undefined | Promise<number | undefined> {
      asked += 1
      return later(this.left > 0 ? this.left-- : undefined)
    }
    [Symbol.dispose](): void {
      dropped += 1
    }
  }
  const store = {
    get: (key: string) => later(entries.get(key)),
    putAll(added: [string, string][]) {
      for (const [key, value] of added) entries.set(key, value)
      const full = { tag: 'err', val: { tag: 'full', val: 3 } }
      return later(entries.size > 3 ? full : { tag: 'ok', val: entries.size })
    },
    open(name: string) {
      const count = /^up to (\d+)$/.exec(name)?.[1]
      if (count === undefined) return { tag: 'err', val: { tag: 'refused', val: name } }
      return { tag: 'ok', val: new Cursor(Number(count)) }
    },
    rest: ({ left }: Cursor) => later(left),
    Cursor,
  }
  const log = (line: string): void => void lines.push(line)
  return { imports: { 'test:tour/store': store, log }, Cursor, lines, dropped: () => dropped }
}
