// The form of jobs and results in Redis, which anybody with access to Redis may have written.
import test from 'ava'
import fc from 'fast-check'
import { pack, unpack } from '../src/binary.ts'
import { checkPlain, jobBytes, packChunk, packJob, unpackChunk } from '../src/jobs.ts'
import { packResult, readResult } from '../src/results.ts'
import { packValue, unpackValue } from '../src/values.ts'

/** Plain data, as options of jobs are. */
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }),
    // -0 is for `packValue`.
    fc.double().map((number) => number + 0),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value')),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { noNullPrototype: true },
    ),
  ),
})).value

test('plain data comes back as it was', (t) => {
  fc.assert(
    fc.property(plain, (value) => {
      t.deepEqual(unpack(pack(checkPlain(value, 'id'))), value)
    }),
    { numRuns: 500 },
  )
})

test('ids and values come back as they were: also typed arrays, undefined and -0', (t) => {
  const numbers = fc.array(fc.nat(255), { maxLength: 9 })
  const typed = fc.oneof(
    ...[
      Uint8Array,
      Int8Array,
      Uint16Array,
      Int16Array,
      Uint32Array,
      Int32Array,
      Float32Array,
      Float64Array,
    ].map((type) => numbers.map((list) => type.from(list))),
    ...[BigInt64Array, BigUint64Array].map((type) =>
      numbers.map((list) => type.from(list.map(BigInt))),
    ),
  )
  const { value: any } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      plain,
      typed,
      fc.constantFrom(undefined, -0, NaN),
      fc.array(tie('value')),
      fc.dictionary(fc.constantFrom('a', 'b', '\0'), tie('value'), { noNullPrototype: true }),
    ),
  }))
  fc.assert(
    fc.property(any, (value) => {
      t.deepEqual(unpackValue(unpack(pack(packValue(value, 'id')))), value)
    }),
    { numRuns: 500 },
  )
  const bytes = pack(packValue(new Uint8Array([1, 2]), 'id'))
  const copy = unpackValue(unpack(bytes)) as Uint8Array
  t.is(Object.getPrototypeOf(copy), Uint8Array.prototype)
  t.not(copy.buffer, bytes.buffer)
  for (const what of [[3, Buffer.alloc(3)], [99, Buffer.alloc(4)], ['map', Buffer.alloc(4)], 5])
    t.throws(() => unpackValue({ '\0': what }), { message: /^expected / })
  // The deepest that there may be, and one that is deeper.
  const deep = (depth: number): unknown => (depth === 0 ? undefined : { '\0': deep(depth - 1) })
  t.deepEqual(readResult(unpack(packResult(0, deep(8), { error: new Error() }))).id, deep(8))
  t.throws(() => packValue(deep(40), 'id'), { message: /^`id` must be nested at most 32 deep/ })
})

test('a chunk has a few programs', (t) => {
  const program = { digest: 'a'.repeat(64), name: 'p' }
  const job = jobBytes(packJob({}, 0, 0, undefined))
  const chunk = (programs: number, jobs: number): Buffer =>
    packChunk(
      Array.from({ length: programs }, () => program),
      0,
      Array.from({ length: jobs }, () => job),
    )
  t.is(unpackChunk(chunk(16, 16)).programs.length, 16)
  for (const [programs, jobs] of [
    [17, 20],
    [3, 2],
  ] as const)
    t.throws(() => unpackChunk(chunk(programs, jobs)), {
      message: /^expected at most \d+ programs, got/,
    })
})

test('any bytes are read or refused, and the refusal is an error', (t) => {
  const read = (bytes: Uint8Array): void => {
    for (const use of [unpack, unpackChunk, (given: Uint8Array) => readResult(unpack(given))]) {
      try {
        use(bytes)
      } catch (error) {
        t.true(error instanceof Error)
      }
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), read), { numRuns: 3000 })
  // Bytes that are nearly right.
  const programs = [{ digest: 'a'.repeat(64), name: 'p' }]
  const job = jobBytes(
    packJob({ args: ['1'], stdin: 'text', limits: { fuel: 5n } }, 0, 0, { id: 1 }),
  )
  const chunk = packChunk(programs, 3, [job, job])
  fc.assert(
    fc.property(fc.nat(chunk.length - 1), fc.nat(255), fc.nat(chunk.length), (at, byte, length) => {
      const bytes = Buffer.from(chunk)
      bytes[at] = byte
      read(bytes)
      read(bytes.subarray(0, length))
    }),
    { numRuns: 3000 },
  )
  const { jobs } = unpackChunk(chunk)
  t.deepEqual(
    jobs.map(({ index, id }) => [index, id]),
    [
      [3, { id: 1 }],
      [4, { id: 1 }],
    ],
  )
})

test('lengths that promise more than there is are refused before memory is taken', (t) => {
  const nested = Buffer.concat([
    ...Array<Buffer>(60).fill(Buffer.from([0xdc, 0xff, 0xff])),
    Buffer.alloc(1000),
  ])
  for (const [bytes, message] of [
    [Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), /declares more elements/],
    [Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]), /declares more elements/],
    [nested, /declares more elements/],
    [
      Buffer.concat([...Array<Buffer>(80).fill(Buffer.from([0x91])), Buffer.from([0xc0])]),
      /nested more than 64 deep/,
    ],
    [Buffer.from([0xc6, 0xff, 0xff, 0xff, 0xff]), /ends within a value/],
    [Buffer.from([0xdb, 0x00]), /ends within a length/],
    [Buffer.from([0xd6, 0xff, 0, 0, 0, 0]), /has an extension \(0xd6\)/],
    [Buffer.from([0xc0, 0xc0]), /goes on after its end/],
    [Buffer.from([]), /ends too early/],
  ] as const)
    t.throws(() => unpack(bytes), { message })
})

test('a name that would change prototypes is refused', (t) => {
  const bytes = Buffer.concat([
    Buffer.from([0x81, 0xa9]),
    Buffer.from('__proto__'),
    Buffer.from([0x80]),
  ])
  t.throws(() => unpack(bytes))
  t.throws(() => checkPlain(JSON.parse('{"__proto__":1}'), 'id'), {
    message: /^`id` must be without a key/,
  })
  t.is(({} as { polluted?: boolean }).polluted, undefined)
})
