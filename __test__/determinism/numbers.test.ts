// The bits of floating-point results, and relaxed SIMD, by every way to run.
import test, { type ExecutionContext } from 'ava'
import { F32, F64, nearest, OPERANDS, type Format } from '../support/bits.ts'
import { NumberGuest } from '../support/number-guest.ts'
import { homes, runs, SAME, same } from '../support/ways.ts'

const all = homes()
test.after.always(() => all.close())

async function check(t: ExecutionContext, guest: NumberGuest, least: number): Promise<void> {
  t.true(guest.size >= least, `${guest.size} expressions`)
  const seen = same(t, await runs(all, Buffer.from(guest.source()), () => SAME))
  t.is(seen['ending'], 'exit 0')
  const wrong = guest.wrong(Buffer.from(seen['stdout'] as string, 'latin1'))
  t.deepEqual(wrong.slice(0, 10), [], `${wrong.length} of ${guest.size} are wrong`)
}

/** Operations on numbers. What they make of a NaN is canonical. */
const UNARY: Readonly<Record<string, (x: number) => number>> = {
  ceil: Math.ceil,
  floor: Math.floor,
  trunc: Math.trunc,
  nearest,
  sqrt: Math.sqrt,
}
const BINARY: Readonly<Record<string, (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  min: Math.min,
  max: Math.max,
}
/** Operations on bits, which leave those of a NaN. */
const BITS: Readonly<Record<string, (x: bigint, format: Format) => bigint>> = {
  abs: (x, { sign }) => x & ~sign,
  neg: (x, { sign }) => x ^ sign,
}
const PAIRS: Readonly<Record<string, (x: bigint, y: bigint, format: Format) => bigint>> = {
  copysign: (x, y, { sign }) => (x & ~sign) | (y & sign),
}
/** As `BITS`, of vectors alone: the operand that the comparison chooses. */
const CHOICES: Readonly<Record<string, (x: bigint, y: bigint, format: Format) => bigint>> = {
  pmin: (x, y, { toNumber }) => (toNumber(y) < toNumber(x) ? y : x),
  pmax: (x, y, { toNumber }) => (toNumber(x) < toNumber(y) ? y : x),
}

/** What an operation on these bits is. */
type OnOne = (x: bigint) => bigint
type OnBits = (x: bigint, y: bigint) => bigint

function unaryOperations(format: Format): [name: string, of: OnOne][] {
  const { toBits, toNumber } = format
  return [
    ...Object.entries(BITS).map(([name, of]): [string, OnOne] => [name, (x) => of(x, format)]),
    ...Object.entries(UNARY).map(([name, of]): [string, OnOne] => [
      name,
      (x) => toBits(of(toNumber(x))),
    ]),
  ]
}

function binaryOperations(format: Format, others: typeof PAIRS): [name: string, of: OnBits][] {
  const { toBits, toNumber } = format
  return [
    ...Object.entries(others).map(([name, of]): [string, OnBits] => [
      name,
      (x, y) => of(x, y, format),
    ]),
    ...Object.entries(BINARY).map(([name, of]): [string, OnBits] => [
      name,
      (x, y) => toBits(of(toNumber(x), toNumber(y))),
    ]),
  ]
}

/** As little-endian bytes. */
function bytes(value: bigint, bits: number): string {
  const digits = value.toString(16).padStart(bits / 4, '0')
  return Buffer.from(Buffer.from(digits, 'hex').toReversed()).toString('hex')
}

/** Where an operand comes from: compilers treat these in ways of their own. */
const SOURCES = ['load', 'constant'] as const
type From = (typeof SOURCES)[number]

const FORMATS = [
  ['f32', F32],
  ['f64', F64],
] as const

test.serial('scalars', async (t) => {
  const guest = new NumberGuest()
  for (const [type, format] of FORMATS) {
    const write = (value: bigint): string => bytes(value, format.bits)
    const operand = (value: bigint, from: From): string =>
      from === 'load'
        ? guest.load(type, write(value))
        : `(${type}.reinterpret_i${format.bits} (i${format.bits}.const ${value}))`
    const negated = (text: string): string => `(${type}.neg ${text})`

    const unary = (name: string, of: OnOne): void => {
      for (const x of OPERANDS[format.bits]) {
        for (const from of SOURCES) {
          const text = `(${type}.${name} ${operand(x, from)})`
          guest.add(text, type, text, write(of(x)))
        }
      }
    }
    for (const [name, of] of unaryOperations(format)) unary(name, of)

    const binary = (name: string, of: OnBits): void => {
      for (const x of OPERANDS[format.bits]) {
        for (const y of OPERANDS[format.bits]) {
          for (const first of SOURCES) {
            for (const second of SOURCES) {
              const [one, two] = [operand(x, first), operand(y, second)]
              const text = `(${type}.${name} ${one} ${two})`
              guest.add(text, type, text, write(of(x, y)))
              const minus = `(${type}.${name} ${negated(one)} ${negated(two)})`
              guest.add(minus, type, minus, write(of(x ^ format.sign, y ^ format.sign)))
            }
          }
        }
      }
    }
    for (const [name, of] of binaryOperations(format, PAIRS)) binary(name, of)
  }
  for (const from of SOURCES) {
    for (const x of OPERANDS[64]) {
      const written = bytes(x, 64)
      const one =
        from === 'load' ? guest.load('f64', written) : `(f64.reinterpret_i64 (i64.const ${x}))`
      const text = `(f32.demote_f64 ${one})`
      guest.add(text, 'f32', text, bytes(F32.toBits(F64.toNumber(x)), 32))
    }
    for (const x of OPERANDS[32]) {
      const written = bytes(x, 32)
      const one =
        from === 'load' ? guest.load('f32', written) : `(f32.reinterpret_i32 (i32.const ${x}))`
      const text = `(f64.promote_f32 ${one})`
      guest.add(text, 'f64', text, bytes(F64.toBits(F32.toNumber(x)), 64))
    }
  }
  await check(t, guest, 10_000)
})

/** Vectors with an operand in each lane, such that each operand meets each other one. */
function vectors(format: Format): [x: bigint, y: bigint][][] {
  const lanes = 128 / format.bits
  const operands = OPERANDS[format.bits]
  const pairs = operands.flatMap((x) => operands.map((y) => [x, y] as [bigint, bigint]))
  return Array.from({ length: Math.ceil(pairs.length / lanes) }, (_, index) =>
    pairs.slice(index * lanes, (index + 1) * lanes),
  )
}

function vector(guest: NumberGuest, written: string, from: From): string {
  if (from === 'load') return guest.load('v128', written)
  return constant(written)
}

function constant(written: string): string {
  const lanes = written.match(/../g)!.map((byte) => `0x${byte}`)
  return `(v128.const i8x16 ${lanes.join(' ')})`
}

test.serial('vectors', async (t) => {
  const guest = new NumberGuest()
  for (const [shape, format] of [
    ['f32x4', F32],
    ['f64x2', F64],
  ] as const) {
    const write = (values: bigint[]): string =>
      values.map((value) => bytes(value, format.bits)).join('')
    for (const pairs of vectors(format)) {
      const [xs, ys] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)]
      for (const first of SOURCES) {
        const one = vector(guest, write(xs), first)
        const unary = (name: string, of: OnOne): void => {
          const text = `(${shape}.${name} ${one})`
          guest.add(text, 'v128', text, write(xs.map(of)))
        }
        for (const [name, of] of unaryOperations(format)) unary(name, of)
        for (const second of SOURCES) {
          const two = vector(guest, write(ys), second)
          const binary = (name: string, of: OnBits): void => {
            const text = `(${shape}.${name} ${one} ${two})`
            guest.add(text, 'v128', text, write(pairs.map(([x, y]) => of(x, y))))
          }
          for (const [name, of] of binaryOperations(format, CHOICES)) binary(name, of)
        }
      }
    }
  }
  const double = OPERANDS[64]
  for (const from of SOURCES) {
    for (const [index, x] of double.entries()) {
      const y = double[(index + 1) % double.length]!
      const written = [x, y].map((value) => bytes(value, 64)).join('')
      const text = `(f32x4.demote_f64x2_zero ${vector(guest, written, from)})`
      const low = [x, y].map((value) => F32.toBits(F64.toNumber(value)))
      guest.add(text, 'v128', text, [...low, 0n, 0n].map((value) => bytes(value, 32)).join(''))
    }
    for (const [index, x] of OPERANDS[32].entries()) {
      const y = OPERANDS[32][(index + 1) % OPERANDS[32].length]!
      const written = [x, y, x, y].map((value) => bytes(value, 32)).join('')
      const text = `(f64x2.promote_low_f32x4 ${vector(guest, written, from)})`
      const wide = [x, y].map((value) => F64.toBits(F32.toNumber(value)))
      guest.add(text, 'v128', text, wide.map((value) => bytes(value, 64)).join(''))
    }
  }
  await check(t, guest, 1_000)
})

/** The values of a vector as bytes. */
function f32x4(...values: number[]): string {
  return values.map((value) => bytes(F32.toBits(value), 32)).join('')
}
function f64x2(...values: number[]): string {
  return values.map((value) => bytes(F64.toBits(value), 64)).join('')
}
function integers(bits: number, values: number[]): string {
  return values.map((value) => bytes(BigInt.asUintN(bits, BigInt(value)), bits)).join('')
}
const i8x16 = (...values: number[]): string => integers(8, values)
const i16x8 = (...values: number[]): string => integers(16, values)
const i32x4 = (...values: number[]): string => integers(32, values)
const repeated = (count: number, ...values: number[]): number[] =>
  Array.from({ length: count }, (_, index) => values[index % values.length]!)

/** Squared and rounded, these lose their last bit. */
const [LONG_32, LONG_64] = [1 + 2 ** -12, 1 + 2 ** -27]
const [SQUARE_32, SQUARE_64] = [1 + 2 ** -11, 1 + 2 ** -26]
const { NaN: NAN, POSITIVE_INFINITY: INFINITE } = Number

/** Two masks of which some bits are set, and what they choose of ones and zeros. */
const MASK = i8x16(...repeated(16, 0, 0x80, 0x7f, 0xff, 1, 0x81, 0x40, 0xfe))

/**
 * Every instruction of relaxed SIMD, with operands of which processors make different things, and what each has to be:
 * the numbers are those of the deterministic profile of WebAssembly.
 */
const RELAXED: Readonly<Record<string, readonly [result: string, ...operands: string[]][]>> = {
  'i8x16.relaxed_swizzle': [
    [
      i8x16(1, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      i8x16(...repeated(16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)),
      i8x16(0, 15, 16, 17, 31, 32, 127, 128, 129, 130, 143, 144, 200, 240, 254, 255),
    ],
  ],
  'i32x4.relaxed_trunc_f32x4_s': [
    [i32x4(0, 2 ** 31 - 1, -(2 ** 31), -1), f32x4(NAN, 2 ** 31, -INFINITE, -1.9)],
  ],
  'i32x4.relaxed_trunc_f32x4_u': [[i32x4(0, -1, 0, -(2 ** 31)), f32x4(NAN, 2 ** 32, -5, 2 ** 31)]],
  'i32x4.relaxed_trunc_f64x2_s_zero': [
    [i32x4(0, 2 ** 31 - 1, 0, 0), f64x2(NAN, 2 ** 31)],
    [i32x4(-(2 ** 31), -1, 0, 0), f64x2(-INFINITE, -1.9)],
  ],
  'i32x4.relaxed_trunc_f64x2_u_zero': [
    [i32x4(0, -1, 0, 0), f64x2(NAN, 2 ** 32)],
    [i32x4(0, -(2 ** 31), 0, 0), f64x2(-5, 2 ** 31)],
  ],
  'f32x4.relaxed_madd': [
    [
      f32x4(2 ** -24, NAN, NAN, 7),
      f32x4(LONG_32, NAN, INFINITE, 2),
      f32x4(LONG_32, 1, 0, 3),
      f32x4(-SQUARE_32, 1, 1, 1),
    ],
  ],
  'f32x4.relaxed_nmadd': [
    [
      f32x4(-(2 ** -24), NAN, NAN, -5),
      f32x4(LONG_32, NAN, INFINITE, 2),
      f32x4(LONG_32, 1, 0, 3),
      f32x4(SQUARE_32, 1, 1, 1),
    ],
  ],
  'f64x2.relaxed_madd': [
    [f64x2(2 ** -54, NAN), f64x2(LONG_64, NAN), f64x2(LONG_64, 1), f64x2(-SQUARE_64, 1)],
  ],
  'f64x2.relaxed_nmadd': [
    [f64x2(-(2 ** -54), NAN), f64x2(LONG_64, NAN), f64x2(LONG_64, 1), f64x2(SQUARE_64, 1)],
  ],
  ...Object.fromEntries(
    ['i8x16', 'i16x8', 'i32x4', 'i64x2'].map((shape) => [
      `${shape}.relaxed_laneselect`,
      [[MASK, i8x16(...repeated(16, -1)), i8x16(...repeated(16, 0)), MASK]],
    ]),
  ),
  'f32x4.relaxed_min': [[f32x4(NAN, NAN, -0, -0), f32x4(NAN, 1, -0, 0), f32x4(1, NAN, 0, -0)]],
  'f32x4.relaxed_max': [[f32x4(NAN, NAN, 0, 0), f32x4(NAN, 1, -0, 0), f32x4(1, NAN, 0, -0)]],
  'f64x2.relaxed_min': [
    [f64x2(NAN, NAN), f64x2(NAN, 1), f64x2(1, NAN)],
    [f64x2(-0, -0), f64x2(-0, 0), f64x2(0, -0)],
  ],
  'f64x2.relaxed_max': [
    [f64x2(NAN, NAN), f64x2(NAN, 1), f64x2(1, NAN)],
    [f64x2(0, 0), f64x2(-0, 0), f64x2(0, -0)],
  ],
  'i16x8.relaxed_q15mulr_s': [
    [
      i16x8(32_767, -32_767, 1, 0, 32_767, -32_767, 1, 0),
      i16x8(...repeated(8, -32_768, -32_768, 16_384, 1)),
      i16x8(...repeated(8, -32_768, 32_767, 2, 1)),
    ],
  ],
  'i16x8.relaxed_dot_i8x16_i7x16_s': [
    [
      i16x8(...repeated(8, -32_768, -32_512, 2)),
      i8x16(...repeated(16, -128, -128, -128, -128, 1, 1)),
      i8x16(...repeated(16, -128, -128, 127, 127, 1, 1)),
    ],
  ],
  'i32x4.relaxed_dot_i8x16_i7x16_add_s': [
    [
      i32x4(65_541, -65_019, 9, 65_541),
      i8x16(...repeated(4, -128), ...repeated(4, -128), ...repeated(4, 1), ...repeated(4, -128)),
      i8x16(...repeated(4, -128), ...repeated(4, 127), ...repeated(4, 1), ...repeated(4, -128)),
      i32x4(5, 5, 5, 5),
    ],
  ],
}

test.serial('relaxed SIMD', async (t) => {
  const guest = new NumberGuest()
  for (const [name, cases] of Object.entries(RELAXED)) {
    for (const [result, ...operands] of cases) {
      for (const first of SOURCES) {
        for (const second of SOURCES) {
          const sources = operands.map((written, index) =>
            vector(guest, written, index % 2 === 0 ? first : second),
          )
          const text = `(${name} ${sources.join(' ')})`
          guest.add(text, 'v128', text, result)
        }
      }
    }
  }
  t.is(Object.keys(RELAXED).length, 20)
  await check(t, guest, 80)
})
