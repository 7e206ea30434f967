// Values of WIT as text: WAVE, the WebAssembly Value Encoding.
import test from 'ava'
import fc from 'fast-check'
import { WaveParser, type HandleNames } from '../../cli/wave/parse.ts'
import { waveText } from '../../cli/wave/print.ts'
import { Scanner } from '../../cli/wave/scanner.ts'
import { told } from '../support/exported-types.ts'
import { error } from '../support/wave-errors.ts'
import type { WitType } from '../support/package.ts'
import { valuesOf, witTypes } from '../support/wit-values.ts'

const RUNS = Number(process.env['WASIEXEC_TEST_TYPES'] ?? 200)

function parse(type: WitType, text: string, handles?: HandleNames): unknown {
  const parser = new WaveParser(new Scanner(text), handles)
  const value = parser.value(type)
  parser.end()
  return value
}

function print(type: WitType, value: unknown): string {
  return [...waveText(type, value)].join('')
}

/** Typed arrays as arrays, as the parser makes them. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return [...(value as Uint8Array)]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
}

const typed = witTypes.chain((type) => fc.tuple(fc.constant(type), valuesOf(type)))

test('what is printed is read back, for values of every type', (t) => {
  fc.assert(
    fc.property(typed, ([type, value]) => {
      const shown = told(type)
      const text = print(shown, value)
      // -0 is not 0.
      t.is(fc.stringify(parse(shown, text)), fc.stringify(plain(value)), text)
    }),
    { numRuns: RUNS },
  )
})

test('what is printed has nothing that a terminal obeys', (t) => {
  fc.assert(
    fc.property(typed, ([type, value]) => {
      t.notRegex(print(told(type), value), /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u)
    }),
    { numRuns: RUNS },
  )
})

test('blanks and comments may be between all parts', (t) => {
  fc.assert(
    fc.property(typed, ([type, value]) => {
      const shown = told(type)
      const text = [...waveText(shown, value)]
        .filter((part) => part !== '')
        .map((part) => (/^[(){}[\],: ]+$/.test(part) ? `\n// a comment (\n${part}\t` : part))
        .join('')
      t.is(fc.stringify(parse(shown, text)), fc.stringify(plain(value)), text)
    }),
    { numRuns: RUNS },
  )
})

test('text that is cut, or changed in one place, is a value or is refused with its place', (t) => {
  const changed = fc.tuple(typed, fc.nat(), fc.string({ unit: 'binary', maxLength: 2 }), fc.nat(3))
  fc.assert(
    fc.property(changed, ([[type, value], where, other, removed]) => {
      const shown = told(type)
      const text = print(shown, value)
      const at = where % (text.length + 1)
      const bad = text.slice(0, at) + other + text.slice(at + removed)
      const refused = error(() => parse(shown, bad))
      if (refused === undefined) return
      t.regex(refused.message, /^expected [^]+, got (?:"[^]*"|the end) at character \d+$/)
      t.true(refused.at >= 0 && refused.at <= bad.length)
    }),
    { numRuns: RUNS },
  )
})

const scalar = (kind: string): WitType => ({ kind }) as WitType
const COLOUR: WitType = { kind: 'enum', name: 'colour', names: ['red', 'dark-blue', 'ok', 'none'] }
const POINT: WitType = {
  kind: 'record',
  name: 'point',
  fields: [
    { name: 'x', key: 'x', type: scalar('s32') },
    { name: 'far-y', key: 'farY', type: { kind: 'option', some: scalar('s32'), isTagged: false } },
  ],
}
const FLAGS: WitType = {
  kind: 'flags',
  flags: [
    { name: 'read', key: 'read' },
    { name: 'may-write', key: 'mayWrite' },
  ],
}
const SHAPE: WitType = {
  kind: 'variant',
  cases: [{ name: 'empty' }, { name: 'circle', type: scalar('f64') }, { name: 'err' }],
}
const OPTION: WitType = { kind: 'option', some: scalar('u8'), isTagged: false }
const NESTED: WitType = { kind: 'option', some: OPTION, isTagged: true }
const RESULT: WitType = { kind: 'result', ok: scalar('u32'), err: scalar('string') }
const TUPLE: WitType = { kind: 'tuple', types: [scalar('u8'), scalar('string')] }
const MAP: WitType = { kind: 'map', key: scalar('string'), value: scalar('u8') }

/** The notations of one value; the first is printed. */
const NOTATIONS: readonly [type: WitType, value: unknown, ...texts: [string, ...string[]]][] = [
  [scalar('bool'), true, 'true'],
  [scalar('u64'), 2n ** 64n - 1n, '18446744073709551615'],
  [scalar('s64'), -(2n ** 63n), '-9223372036854775808'],
  [scalar('s8'), -128, '-128'],
  [scalar('u8'), 0, '0', '-0'],
  [scalar('f64'), 0.1, '0.1', '1e-1', '0.1E+0', '100.0e-3'],
  [scalar('f64'), 6.022e23, '6.022e+23', '6.022e23'],
  [scalar('f64'), -0, '-0', '-0.0', '-0e5'],
  [scalar('f64'), Infinity, 'inf', '1e999'],
  [scalar('f64'), -Infinity, '-inf'],
  [scalar('f64'), Number.NaN, 'nan'],
  [scalar('f32'), Math.fround(0.1), '0.1', '0.10000000149011612'],
  [scalar('char'), 'x', "'x'", String.raw`'\u{78}'`],
  [scalar('char'), "'", String.raw`'\''`, String.raw`'\u{27}'`],
  [scalar('char'), '"', `'"'`, String.raw`'\"'`],
  [scalar('char'), '😀', "'😀'", String.raw`'\u{1F600}'`, String.raw`'\u{01f600}'`],
  [scalar('char'), '\n', String.raw`'\n'`],
  [scalar('char'), '\0', String.raw`'\u{0}'`],
  [scalar('string'), '', '""', '"""\n"""', '"""\n\n"""'],
  [scalar('string'), 'a"b\'\\\t\r\n', String.raw`"a\"b'\\\t\r\n"`, String.raw`"a\"b\'\\\t\r\n"`],
  [scalar('string'), '\u{1b}[31m', String.raw`"\u{1b}[31m"`],
  [scalar('string'), '  a\n b"', String.raw`"  a\n b\""`, '"""\n    a\n   b"\n  """'],
  [scalar('string'), 'a', '"a"', '"""\r\na\r\n"""'],
  [scalar('string'), '"""', String.raw`"\"\"\""`, '"""\n""\\"\n"""'],
  [{ kind: 'list', element: scalar('u8') }, [1, 2], '[1, 2]', '[1,2,]', ' [ 1 ,2 ] // end'],
  [{ kind: 'list', element: scalar('u8') }, [], '[]'],
  [{ kind: 'list', element: scalar('u8'), length: 2 }, [1, 2], '[1, 2]'],
  [{ kind: 'list', element: scalar('char') }, ['a', 'b'], "['a', 'b']"],
  [TUPLE, [1, 'a'], '(1, "a")', '(1,"a",)'],
  [POINT, { x: 1, farY: undefined }, '{x: 1, far-y: none}', '{x: 1}', '{%x: 1,}'],
  [POINT, { x: 1, farY: 2 }, '{x: 1, far-y: some(2)}', '{far-y: 2, x: 1}'],
  [FLAGS, { read: false, mayWrite: false }, '{}'],
  [FLAGS, { read: true, mayWrite: true }, '{read, may-write}', '{may-write, %read,}'],
  [SHAPE, { tag: 'empty' }, 'empty', '%empty'],
  [SHAPE, { tag: 'circle', val: 0.5 }, 'circle(0.5)', 'circle ( 0.5 )', '%circle(0.5)'],
  [SHAPE, { tag: 'err' }, '%err', 'err'],
  [COLOUR, 'dark-blue', 'dark-blue'],
  [COLOUR, 'ok', '%ok', 'ok'],
  [{ kind: 'option', some: COLOUR, isTagged: false }, 'none', 'some(%none)', '%none'],
  [{ kind: 'option', some: COLOUR, isTagged: false }, undefined, 'none'],
  [OPTION, 1, 'some(1)', '1'],
  [OPTION, undefined, 'none'],
  [NESTED, { tag: 'none' }, 'none'],
  [NESTED, { tag: 'some', val: undefined }, 'some(none)'],
  [NESTED, { tag: 'some', val: 1 }, 'some(some(1))', 'some(1)'],
  [RESULT, { tag: 'ok', val: 1 }, 'ok(1)', '1'],
  [RESULT, { tag: 'err', val: 'no' }, 'err("no")'],
  [{ kind: 'result' }, { tag: 'ok', val: undefined }, 'ok'],
  [{ kind: 'result', err: scalar('u8') }, { tag: 'err', val: 1 }, 'err(1)'],
  [MAP, new Map([['a', 1]]), '{"a": 1}', '{"a":1,}'],
  [MAP, new Map(), '{}', '{:}'],
]

test('every notation of a value is read, and the first is printed', (t) => {
  for (const [type, value, ...texts] of NOTATIONS) {
    t.is(print(type, value), texts[0])
    for (const text of texts) t.deepEqual(parse(type, text), value, text)
  }
  const none = {
    kind: 'record',
    fields: [{ name: 'a', key: 'a', type: OPTION }],
  } as const
  t.deepEqual(parse(none, '{:}'), { a: undefined })
})

/** What is expected, and where. */
const WRONG: readonly [type: WitType, text: string, message: RegExp, character: number][] = [
  [scalar('bool'), 'yes', /^bool \(true or false\), got "yes"/, 1],
  [scalar('u8'), '256', /^u8 \(an integer from 0 to 255\), got "256"/, 1],
  [scalar('u8'), ' -1', /^u8 .*, got "-1"/, 2],
  [scalar('s8'), '1.5', /^s8 .*, got "1\.5"/, 1],
  [scalar('s8'), '1e1', /^s8 /, 1],
  ...['01', '0x1', '1_000', '1-2', '1a'].map((text): (typeof WRONG)[number] => [
    scalar('u8'),
    text,
    new RegExp(`^u8 .*, got "${text}"`),
    1,
  ]),
  [scalar('u64'), '18446744073709551616', /^u64 .*18446744073709551615\), got/, 1],
  [scalar('s64'), 'inf', /^s64 /, 1],
  [scalar('f64'), '.5', /^f64 \(a number, inf, -inf or nan\), got/, 1],
  [scalar('f64'), '1.', /^f64 .*, got "1\."/, 1],
  [scalar('f64'), 'infinity', /^f64 /, 1],
  [scalar('f64'), '', /^f64 .*, got the end/, 1],
  [scalar('char'), 'a', /^char \(one character, as in 'a'\), got "a"/, 1],
  [scalar('char'), "''", /^a character, got "'"/, 2],
  [scalar('char'), "'ab'", /^the end of the character, ', got "b"/, 3],
  [scalar('char'), String.raw`'\u{d800}'`, /^one of \\n .*\\u\{…\}, got/, 2],
  [scalar('char'), String.raw`'\u{110000}'`, /^one of \\n /, 2],
  [scalar('string'), 'hello', /^string \(text, as in "a"\), got "hello"/, 1],
  [scalar('string'), '"a', /^the end of the string, ", got the end/, 3],
  [scalar('string'), '"a\nb"', /^the end of the string/, 3],
  [scalar('string'), String.raw`"a\q"`, /^one of \\n /, 3],
  [scalar('string'), '"""\na"""', /^the end of the string, """ on a line/, 6],
  [scalar('string'), '"""\na\n  """', /^lines that begin with the 2 blanks/, 1],
  [{ kind: 'list', element: scalar('u8') }, '1, 2', /^list<u8> \(values in \[ and \]\)/, 1],
  [{ kind: 'list', element: scalar('u8') }, '[1 2]', /^, or \], got "2"/, 4],
  [{ kind: 'list', element: scalar('u8') }, '[1, x]', /^u8 .*, got "x"/, 5],
  [{ kind: 'list', element: scalar('u8') }, '[,]', /^u8 /, 2],
  [{ kind: 'list', element: scalar('u8'), length: 2 }, '[1]', /^list<u8, 2> \(2 values/, 1],
  [TUPLE, '(1)', /^tuple<u8, string> \(2 values in \( and \)\), got "\("/, 1],
  [TUPLE, '(1, "a", 3)', /^tuple<u8, string> /, 1],
  [POINT, '{y: 1}', /^point \(\{x: s32, far-y: option<s32>\}\), got "y"/, 2],
  [POINT, '{far-y: 1}', /^the field x of point: s32, got "\{"/, 1],
  [POINT, '{x: 1, x: 2}', /^each field once, got "x"/, 8],
  [POINT, '{}', /^the field x of point/, 1],
  [POINT, '[1]', /^point /, 1],
  [FLAGS, '{write}', /\(some of \{read, may-write\}\), got "write"/, 2],
  [FLAGS, '{read, read}', /^each flag once/, 8],
  [SHAPE, 'square', /\(one of empty, circle\(…\), err\), got "square"/, 1],
  [SHAPE, 'circle', /^\( and f64, got the end/, 7],
  [SHAPE, 'empty(1)', /^the end, got "\("/, 6],
  [COLOUR, 'green', /^colour \(one of red, dark-blue, ok, none\), got "green"/, 1],
  [OPTION, 'x', /^option<u8> \(none or some\(…\)\), got "x"/, 1],
  [OPTION, 'some(x)', /^u8 /, 6],
  [NESTED, '1', /^option<option<u8>> /, 1],
  [RESULT, 'x', /^result<u32, string> \(ok\(…\) or err\(…\)\), got "x"/, 1],
  [RESULT, 'err(1)', /^string /, 5],
  [{ kind: 'result' }, '1', /^result \(ok or err\), got "1"/, 1],
  [MAP, '{"a": 1, "a": 2}', /^each key once/, 10],
  [MAP, '{"a"}', /^:, got "\}"/, 5],
  [
    { kind: 'own', resource: { name: 'counter' } },
    '$1',
    /^counter \(a resource such as \$1, of those/,
    1,
  ],
  [{ kind: 'stream', element: scalar('u8') }, '1', /^stream<u8> \(which has no notation\)/, 1],
]

test('what is wrong is said with its place and what is expected', (t) => {
  for (const [type, text, message, character] of WRONG) {
    const refused = error(() => parse(type, text))!
    t.regex(refused.message.replace(/^expected /, ''), message, text)
    t.true(refused.message.endsWith(` at character ${character}`), refused.message)
  }
})

test('resources go by names', (t) => {
  const resource = { name: 'counter', interface: 'my:pkg/counters' }
  const value = {}
  const handles = { get: (name: string) => (name === '$1' ? { value, resource } : undefined) }
  const list: WitType = { kind: 'list', element: { kind: 'borrow', resource } }
  t.deepEqual(parse(list, '[$1, $1]', handles), [value, value])
  const other: WitType = { kind: 'own', resource: { name: 'counter', interface: 'my:pkg/other' } }
  t.regex(error(() => parse(other, '$1', handles))!.message, /^expected counter /)
  const own: WitType = { kind: 'own', resource }
  const pair: WitType = { kind: 'tuple', types: [own, own] }
  t.regex(
    error(() => parse(pair, '($1, $1)', handles))!.message,
    /^expected a resource that is not given away, got "\$1" at character 6$/,
  )
  const named = [...waveText(list, [value, value], () => '$7')].join('')
  t.is(named, '[$7, $7]')
})

test('a list and a string longer than a piece are whole, and no pair is halved', (t) => {
  const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index)
  const list: WitType = { kind: 'list', element: scalar('u8') }
  t.is(print(list, bytes), `[${[...bytes].join(', ')}]`)
  for (const text of ['😀'.repeat(5000), `a${'😀'.repeat(5000)}`]) {
    const pieces = [...waveText(scalar('string'), text)]
    t.true(pieces.every((piece) => piece.isWellFormed()))
    t.is(pieces.join(''), `"${text}"`)
  }
})

test('text of any length is read or refused, and what is said of it is short', (t) => {
  const length = 10_000_000
  const texts: [type: WitType, text: string, isRead: boolean][] = [
    [{ kind: 'u8' }, `${' '.repeat(length)}1`, true],
    [{ kind: 'u8' }, `${'// a comment\n'.repeat(length / 10)}1`, true],
    [{ kind: 'u8' }, '1'.repeat(length), false],
    [{ kind: 's64' }, `-${'9'.repeat(length)}`, false],
    [{ kind: 'f64' }, '1'.repeat(length), true],
    [{ kind: 'enum', names: ['a'] }, 'a-'.repeat(length), false],
    [{ kind: 'char' }, `'${'a'.repeat(length)}'`, false],
    [{ kind: 'string' }, `"${'a'.repeat(length)}"`, true],
    [{ kind: 'string' }, `"""\n${'a'.repeat(length)}\n"""`, true],
    [{ kind: 'string' }, `"""\n${'"'.repeat(2)}${' ""'.repeat(length / 10)}\n"""`, true],
    [{ kind: 'list', element: { kind: 'u8' } }, '['.repeat(length), false],
    [{ kind: 'tuple', types: [{ kind: 'u8' }] }, '('.repeat(length), false],
  ]
  for (const [type, text, isRead] of texts) {
    const refused = error(() => parse(type, text))
    t.is(refused === undefined, isRead, `${type.kind} ${text.slice(0, 20)}`)
    t.true((refused?.message.length ?? 0) < 200)
  }
})

test('what is said of a large type is short', (t) => {
  const large = (depth: number): WitType => {
    const part: WitType = depth === 0 ? { kind: 'string' } : large(depth - 1)
    return { kind: 'tuple', types: [part, part] }
  }
  const types: WitType[] = [
    large(12),
    { kind: 'variant', cases: [{ name: 'a', type: large(12) }] },
    { kind: 'record', fields: [{ name: 'a', key: 'a', type: large(12) }] },
  ]
  for (const type of types) {
    for (const text of ['', 'a', '{}']) {
      t.true(error(() => parse(type, text))!.message.length < 1500, type.kind)
    }
  }
})
