// Run once more with each compiler, through spawn, and by calls.
import { readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import test from 'ava'
import { load, type Outcome, type TrapCode, type TrapInfo } from '../support/package.ts'
import { ending, observed, real, wat, watPath } from '../support/guest.ts'

const CODES: Readonly<Record<string, TrapCode>> = {
  'trap-allocation-too-large': 'allocation-too-large',
  'trap-array-out-of-bounds': 'array-out-of-bounds',
  'trap-atomic-wait': 'atomic-wait-on-unshared-memory',
  'trap-bad-conversion': 'invalid-conversion-to-integer',
  'trap-bad-signature': 'indirect-call-type-mismatch',
  'trap-cast-failure': 'cast-failure',
  'trap-divide-by-zero': 'integer-divide-by-zero',
  'trap-in-start-function': 'unreachable',
  'trap-integer-overflow': 'integer-overflow',
  'trap-null-call': 'indirect-call-to-null',
  'trap-null-reference': 'null-reference',
  'trap-out-of-bounds': 'memory-out-of-bounds',
  'trap-stack-overflow': 'stack-overflow',
  'trap-table-out-of-bounds': 'table-out-of-bounds',
  'trap-unaligned-atomic': 'unaligned-atomic',
  'trap-uncaught-exception': 'uncaught-exception',
  'trap-unreachable': 'unreachable',
}

function trapOf(outcome: Outcome): TrapInfo {
  if (outcome.kind !== 'trap') throw new Error(`not a trap but ${ending(outcome)}`)
  return outcome.trap
}

for (const [guest, code] of Object.entries(CODES)) {
  test(`${guest} is the trap ${code}`, async (t) => {
    const program = await wat(guest)
    for (const outcome of [await program.run(), program.runSync()]) {
      const { code: actual, message } = trapOf(outcome)
      t.is(actual, code)
      t.regex(message, /^\w.*\w$/)
      t.notRegex(message, /wasm trap|wasm backtrace/)
      t.false(outcome.ok)
    }
  })
}

test('every guest that traps has its code here', async (t) => {
  const files = await readdir(dirname(watPath('x')))
  const traps = files.filter((file) => file.startsWith('trap-')).map((file) => file.slice(0, -4))
  t.deepEqual(traps.toSorted(), Object.keys(CODES))
})

test('a pointer outside of memory given to WASI ends no process', async (t) => {
  const text = `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (call $exit (call $w (i32.const 1) (i32.const 0xfffffff0) (i32.const 1) (i32.const 0)))))`
  const program = await load(Buffer.from(text), { cache: false })
  const outcome = await program.run()
  t.true(
    ['exit 21', 'trap host-call', 'trap memory-out-of-bounds'].includes(ending(outcome)),
    ending(outcome),
  )
})

test('a WASI call in a module without an exported memory is a trap, not a host fault', async (t) => {
  const text = `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
    (func $print (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0))))
    (func $main (export "_start") (call $print)))`
  const program = await load(Buffer.from(text), { cache: false })
  const trap = trapOf(await program.run())
  t.is(trap.code, 'host-call')
  t.deepEqual(
    trap.frames.map((frame) => frame.function),
    ['print', 'main'],
  )
})

test('frames name the functions, innermost first', async (t) => {
  const outcome = await (await wat('trap-unreachable')).run()
  t.deepEqual(observed(outcome), ['trap unreachable', 'before trap\n', ''])
  const { frames } = trapOf(outcome)
  t.deepEqual(
    frames.map((frame) => frame.function),
    ['inner', 'outer', '_start'],
  )
  t.true(frames.every((frame) => Number.isInteger(frame.functionIndex) && frame.offset! > 0))
})

test('a short name is no mangled type', async (t) => {
  const source =
    '(module (func $a unreachable) (func $i (call $a)) (func (export "_start") (call $i)))'
  const { frames } = trapOf(await (await load(Buffer.from(source))).run())
  t.deepEqual(
    frames.map((frame) => frame.function),
    ['a', 'i', undefined],
  )
})

test('frames have the file and line of a program with DWARF', async (t) => {
  const outcome = await (await real('crash')).run()
  t.is(outcome.stdout.toString(), 'before crash\n')
  const { code, frames } = trapOf(outcome)
  t.is(code, 'integer-divide-by-zero')
  t.deepEqual(
    frames.map(({ function: name, file, line }) => [name, file?.split(/[\\/]/).at(-1), line]),
    [
      ['inner', 'crash.c', 12],
      ['outer', 'crash.c', 16],
      ['main', 'crash.c', 23],
      ['_start', 'crash.c', 28],
    ],
  )
})

test('a stack overflow has at most 20 frames', async (t) => {
  const { frames } = trapOf(await (await wat('trap-stack-overflow')).run())
  t.true(frames.length > 0 && frames.length <= 20)
})

test('a trap inside a component has frames', async (t) => {
  const { frames } = trapOf(await (await wat('component-trap')).run())
  t.is(frames[0]?.function, 'inner')
})

test('a program runs as before after it trapped', async (t) => {
  const overflow = await wat('trap-stack-overflow')
  const hello = await wat('hello')
  for (let round = 0; round < 50; round += 1) {
    const outcomes = await Promise.all([overflow.run(), hello.run(), overflow.run()])
    t.deepEqual(outcomes.map(ending), ['trap stack-overflow', 'exit 0', 'trap stack-overflow'])
  }
})

for (const guest of [...Object.keys(CODES), 'component-trap']) {
  test(`both compilers say the same of ${guest}`, async (t) => {
    const traps = (['baseline', 'optimizing'] as const).map(async (compiler) => {
      const program = await load(watPath(guest), { compiler, cache: false })
      return trapOf(await program.run())
    })
    t.deepEqual(await traps[0], await traps[1])
  })
}

/** Ways in which a guest can come to an `unreachable`. */
const WAYS: Readonly<Record<string, string>> = {
  'at the beginning': 'unreachable',
  'after values': 'i32.const 5 local.set 0 unreachable nop',
  'after a call': 'call $nothing unreachable',
  'in a block': 'block unreachable end nop',
  'in a loop': 'loop unreachable end',
  'in a loop, the second time':
    'loop local.get 0 if unreachable end i32.const 1 local.set 0 br 0 end',
  'if a condition holds': 'i32.const 1 if unreachable end',
  'if it does not': 'i32.const 0 if nop else unreachable end',
  'if it does not, with one where it does': 'call $zero if unreachable else unreachable end',
  'if it does, with one where it does not': 'call $one if unreachable else unreachable end',
  'if it does, with a call where it does not':
    'call $one if unreachable else call $nothing end unreachable',
  'if it does not, with one after it': 'call $zero if unreachable end unreachable',
  'if it does, with one after it': 'call $one if unreachable end unreachable',
  'if it does not, after a call there': 'call $zero if call $nothing else unreachable end',
  'past a branch': 'block call $zero br_if 0 unreachable end',
  'by a branch': 'block call $one br_if 0 call $nothing unreachable end unreachable',
  'past a branch to another': 'block call $zero br_if 0 unreachable end unreachable',
  'by a branch, past another': 'block call $one br_if 0 unreachable end unreachable',
  'by a branch out of two blocks':
    'block block call $one br_if 1 call $nothing unreachable end call $nothing unreachable end unreachable',
  'by a table': 'block block call $one br_table 0 1 end unreachable end unreachable',
}

for (const [way, body] of Object.entries(WAYS)) {
  test(`an \`unreachable\` that a guest reaches ${way} is where it is`, async (t) => {
    const source = `(module
      (memory (export "memory") 1)
      (func $nothing)
      (func $zero (result i32) i32.const 0)
      (func $one (result i32) i32.const 1)
      (func (export "_start") (local i32) ${body}))`
    const frames = (['baseline', 'optimizing', 'tiered'] as const).map(async (compiler) => {
      const program = await load(Buffer.from(source), { compiler, cache: false })
      const { frames } = trapOf(await program.run())
      const { offset = 0 } = frames[0]!
      t.is((await program.wasm())[offset], 0, `${compiler}: at ${offset}`)
      return frames
    })
    const [baseline, ...others] = await Promise.all(frames)
    for (const other of others) t.deepEqual(other, baseline)
  })
}
