import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { load, loadSync, Program, type Outcome } from '../support/package.ts'
import { node } from '../support/child.ts'
import { ending, observed, ownWat, refusal, wat, watPath } from '../support/guest.ts'

const NO_CACHE = { cache: false }

test('a program is loaded from a path, a URL, text and a binary', async (t) => {
  const path = watPath('hello')
  const text = await readFile(path)
  for (const source of [path, pathToFileURL(path), text, new Uint8Array(text)]) {
    t.is((await (await load(source, NO_CACHE)).run()).stdout.toString(), 'hello\n')
    t.is(loadSync(source, NO_CACHE).runSync().stdout.toString(), 'hello\n')
  }
})

test('a binary without a single import runs', async (t) => {
  // (module (func (export "_start")))
  const hex = '0061736d0100000001040160000003020100070a01065f737461727400000a040102000b'
  const program = await load(Buffer.from(hex, 'hex'), NO_CACHE)
  t.like(program, { kind: 'module', wasi: 'none', name: 'program' })
  t.is(ending(await program.run()), 'exit 0')
})

test('bytes may be changed once load has been called', async (t) => {
  const bytes = await readFile(watPath('hello'))
  const loading = load(bytes, NO_CACHE)
  bytes.fill(0)
  t.is(ending(await (await loading).run()), 'exit 0')
})

test('bytes in shared memory are loaded', async (t) => {
  const bytes = await readFile(watPath('hello'))
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  t.is(ending(await (await load(shared, NO_CACHE)).run()), 'exit 0')
})

test('argv[0] is the name: the file, "program" for bytes, or what was asked for', async (t) => {
  const path = watPath('args')
  const argv0 = async (program: Program): Promise<string> => (await program.run()).stdout.toString()
  t.is(await argv0(await load(path, NO_CACHE)), 'args.wat\n')
  t.is(await argv0(await load(await readFile(path), NO_CACHE)), 'program\n')
  for (const name of ['tool', 'naïve 🦀', 'with space', '']) {
    const program = await load(path, { ...NO_CACHE, name })
    t.is(program.name, name)
    t.is(await argv0(program), `${name}\n`)
  }
})

const SPOKEN: readonly [guest: string, kind: Program['kind'], wasi: Program['wasi']][] = [
  ['return', 'module', 'none'],
  ['hello', 'module', 'p1'],
  ['exit-unstable', 'module', 'p0'],
  ['component-hello', 'component', 'p2'],
  ['component-newer-0-2', 'component', 'p2'],
  ['component-p3-hello', 'component', 'p3'],
  ['component-no-command', 'component', 'none'],
]
for (const [guest, kind, wasi] of SPOKEN) {
  test(`${guest} is a ${kind} that speaks ${wasi}`, async (t) => {
    t.like(await wat(guest), { kind, wasi })
  })
}

test('imports and exports are listed and frozen', async (t) => {
  const program = await wat('unresolved-import')
  t.deepEqual(
    program.imports.map(({ module, name, kind }) => `${module}.${name} ${kind}`).toSorted(),
    ['env.bar memory', 'env.foo function', 'wasi_snapshot_preview1.fd_write function'],
  )
  t.true(program.exports.some(({ name, kind }) => name === '_start' && kind === 'function'))
  t.true(Object.isFrozen(program.imports) && program.imports.every(Object.isFrozen))
  t.true(Object.isFrozen(program.exports) && program.exports.every(Object.isFrozen))
})

test('a component lists the interfaces that it imports and exports', async (t) => {
  const program = await wat('component-hello')
  t.true(
    program.imports.some(
      ({ name, kind }) => name.startsWith('wasi:cli/stdout@0.2') && kind === 'instance',
    ),
  )
  t.true(program.exports.some(({ name }) => name.startsWith('wasi:cli/run@0.2')))
})

test('a program that cannot run can be looked at', async (t) => {
  const program = await ownWat('reactor')
  t.deepEqual(
    program.exports
      .map(({ name }) => name)
      .toSorted()
      .slice(0, 2),
    ['_initialize', 'add'],
  )
})

test('a Program is made by load alone', async (t) => {
  const program = await wat('hello')
  t.true(program instanceof Program)
  t.throws(() => Reflect.construct(Program, []), { instanceOf: Error })
})

test('methods need their program', async (t) => {
  const { run } = (await wat('hello')) as { run: (this: unknown) => unknown }
  t.throws(() => run.call({}), { instanceOf: TypeError })
})

test('a program runs many times at a time, each run for itself', async (t) => {
  const program = await wat('grow-argv')
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, index) => program.run({ args: [String(index % 2)] })),
  )
  // Memory is as in the beginning in each: one page, answered by the growth.
  t.true(outcomes.every((outcome) => outcome.stdout.toString() === '1\n'))
})

test('`using` closes a program at the end of its block', async (t) => {
  let kept: Program
  {
    using program = await ownWat('hello')
    kept = program
    t.is(ending(await program.run()), 'exit 0')
  }
  t.is((await refusal(kept.run())).code, 'ERR_PROGRAM_CLOSED')
})

test('two programs of the same bytes are closed one by one', async (t) => {
  const first = await ownWat('sleep-hour')
  const second = await ownWat('sleep-hour')
  const [aborted, other]: Promise<Outcome>[] = [
    first.run(),
    second.run({ limits: { timeoutMs: 300 } }),
  ]
  await setImmediate()
  first[Symbol.dispose]()
  t.is(ending(await aborted!), 'abort')
  t.deepEqual(observed(await other!), ['limit timeout', 'sleeping\n', ''])
})

test('programs that nobody holds are freed', async (t) => {
  const child = await node(
    `const runtime = new Runtime()
     const keep = await ownWat('hello', { runtime })
     for (let index = 0; index < 20; index += 1) await ownWat('hello', { runtime, name: String(index) })
     const before = runtime.stats().programs
     for (let round = 0; round < 200 && runtime.stats().programs > 1; round += 1) {
       gc()
       await new Promise(setImmediate)
     }
     console.log(before > 1, runtime.stats().programs, ending(await keep.run()))`,
    { nodeArguments: ['--expose-gc'] },
  )
  t.like(child, { code: 0, stdout: 'true 1 exit 0\n' }, child.stderr)
})

test('a program that is garbage-collected while it runs runs to its end', async (t) => {
  const child = await node(
    `const runtime = new Runtime()
     const running = []
     for (let index = 0; index < 10; index += 1) {
       running.push((await ownWat('sleep-argv', { runtime, name: String(index) })).run({ args: ['300'] }))
     }
     const collected = new Promise((resolve) => {
       globalThis.registry = new FinalizationRegistry(resolve)
       registry.register({}, 'garbage')
     })
     for (let round = 0; round < 5; round += 1) {
       gc()
       await new Promise(setImmediate)
     }
     await collected
     const outcomes = await Promise.all(running)
     console.log(outcomes.every((outcome) => observed(outcome).join() === 'exit 0,slept\\n,'))
     for (let round = 0; round < 200 && runtime.stats().programs > 0; round += 1) {
       gc()
       await new Promise(setImmediate)
     }
     console.log(runtime.stats().programs)`,
    { nodeArguments: ['--expose-gc'] },
  )
  t.like(child, { code: 0, stdout: 'true\n0\n' }, child.stderr)
})
