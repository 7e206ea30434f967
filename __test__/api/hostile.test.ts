// Run once more with each compiler, through spawn, and by calls.
import { Writable } from 'node:stream'
import test from 'ava'
import { byCalls, load, type Trap } from '../support/package.ts'
import { ending, wat } from '../support/guest.ts'

const NO_CACHE = { cache: false }
const text = (source: string): Uint8Array => new TextEncoder().encode(source)

/** (module (func (export "_start") unreachable)) */
const TRAPPING = Buffer.from(
  '0061736d0100000001040160000003020100070a01065f737461727400000a05010300000b',
  'hex',
)

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]
}

function withCustom(...sections: [name: string, content: Uint8Array][]): Buffer {
  const encoded = sections.map(([name, content]) => {
    const body = Buffer.concat([
      Buffer.from([...unsigned(name.length)]),
      Buffer.from(name),
      content,
    ])
    return Buffer.concat([Buffer.from([0, ...unsigned(body.length)]), body])
  })
  return Buffer.concat([TRAPPING, ...encoded])
}

function uint32(value: number): number[] {
  return [...new Uint8Array(Uint32Array.of(value).buffer)]
}

async function trapOf(program: Uint8Array): Promise<Trap['trap']> {
  const outcome = await (await load(program, NO_CACHE)).run()
  if (outcome.kind !== 'trap') throw new Error(ending(outcome))
  return outcome.trap
}

/** DWARF of a function in which so many inlined functions are nested. */
function nestedDwarf(depth: number): Buffer {
  // A unit and a function, both with low_pc and high_pc, and an inlined function; all have children.
  const abbreviations = Buffer.from('011101110112060000022e01110112060000031d01000000', 'hex')
  const entries = Buffer.concat([
    Buffer.from([1, ...uint32(1), ...uint32(4096), 2, ...uint32(1), ...uint32(4096)]),
    Buffer.alloc(depth, 3),
    Buffer.alloc(depth + 2),
  ])
  const header = [4, 0, 0, 0, 0, 0, 4]
  const info = Buffer.from([...uint32(header.length + entries.length), ...header])
  return withCustom(
    ['.debug_abbrev', abbreviations],
    ['.debug_info', Buffer.concat([info, entries])],
  )
}

test('debug information that is nested without end costs the trace its lines, nothing else', async (t) => {
  for (const depth of [10, 10_000, 1_000_000]) {
    const { code, frames } = await trapOf(nestedDwarf(depth))
    t.is(code, 'unreachable')
    t.is(frames[0]?.functionIndex, 0)
  }
})

/** A symbol of some hundred characters whose demangled form doubles with each step. */
function growingSymbol(steps: number): string {
  const back = (index: number): string =>
    index === 0 ? 'S_' : `S${(index - 1).toString(36).toUpperCase()}_`
  const doubled = Array.from({ length: steps }, (_, i) => `S_I${back(i + 1).repeat(2)}E`)
  return `_Z1f1aIiE${doubled.join('')}${back(steps)}`
}

test('a name that grows when it is demangled is cut', async (t) => {
  const name = Buffer.from(growingSymbol(22))
  const entry = Buffer.from([1, 0, ...unsigned(name.length)])
  const names = Buffer.concat([entry, name])
  const section = Buffer.concat([Buffer.from([1, ...unsigned(names.length)]), names])
  const { frames } = await trapOf(withCustom(['name', section]))
  t.true(frames[0]!.function!.length < 1000)
})

test('one bulk instruction that outlasts the deadline does not end as an exit', async (t) => {
  const source = text(`(module (memory 4096) (func (export "_start")
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 268435456))))`)
  const program = await load(source, NO_CACHE)
  t.is(ending(await program.run({ limits: { timeoutMs: 1 } })), 'limit timeout')
  t.is(ending(await program.run({ limits: { cpuMs: 1 } })), 'limit cpu')
  t.is(ending(await program.run()), 'exit 0')
})

test('a garbage-collected heap that is full before the start is an ending, not a fault', async (t) => {
  const globals = '(global (ref $a) (array.new_default $a (i32.const 5000000)))'.repeat(20)
  const source = text(`(module (type $a (array (mut i32))) ${globals} (func (export "_start")))`)
  const program = await load(source, NO_CACHE)
  const outcome = await program.run({ limits: { memoryBytes: 64 << 20 } })
  t.true(['trap allocation-too-large', 'limit memory'].includes(ending(outcome)), ending(outcome))
})

test('a program with a hundred memories does not run', async (t) => {
  const memories = '(memory 1)'.repeat(100)
  const program = await load(text(`(module ${memories} (func (export "_start")))`), NO_CACHE)
  await t.throwsAsync(program.run(), { message: /memory count too high|limit/ })
})

/** A stream belongs to an instance, and its failure is not that of a call. */
const testOfRuns = byCalls ? test.skip : test

testOfRuns(
  'streams that throw fail their own run, and all others of the moment settle',
  async (t) => {
    const program = await wat('cat')
    const throwing = (): never => {
      throw new Error('from the stream')
    }
    const stdout = Object.assign(new Writable({ write: throwing }), { off: throwing })
    const iterator = { next: throwing, return: throwing }
    const stdin = { [Symbol.asyncIterator]: () => iterator }
    const runs = await Promise.allSettled([
      program.run({ stdin: 'one' }),
      program.run({ stdin: 'x', stdout }),
      (await wat('hello')).run({ stdin }),
      program.run({ stdin: 'two' }),
    ])
    t.deepEqual(
      runs.map((run) => (run.status === 'fulfilled' ? ending(run.value) : 'rejected')),
      ['exit 0', 'rejected', 'exit 0', 'exit 0'],
    )
  },
)

test('giving away what an outcome has does no harm to others', async (t) => {
  const program = await wat('hello')
  const [given, other] = [await program.run(), await program.run()]
  for (const { buffer } of [given.stdout, given.stderr]) {
    try {
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })
    } catch (error) {
      // Newer Nodes refuse to transfer memory of their pool; Node 20 copies it.
      t.is((error as Error).name, 'DataCloneError')
    }
  }
  const next = await program.run()
  for (const { stdout, stderr } of [other, next]) {
    t.is(structuredClone(stdout).length, 6)
    t.is(structuredClone(stderr).length, 0)
    t.is(stdout.toString(), 'hello\n')
    t.is(stderr.toString(), '')
  }
})
