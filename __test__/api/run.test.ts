import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { run, Runtime } from '../support/package.ts'
import { node } from '../support/child.ts'
import { ending, folder, observed, refusal, watPath } from '../support/guest.ts'

const NO_CACHE = { cache: false } as const

/** WAT that exits with `code`. */
function exiting(code: number): Uint8Array {
  return Buffer.from(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func (export "_start") (call $exit (i32.const ${code}))))`)
}

test('run loads and runs in one step', async (t) => {
  const path = watPath('args')
  const options = { ...NO_CACHE, args: ['a', 'b'] }
  t.deepEqual(observed(await run(path, options)), ['exit 0', 'args.wat\na\nb\n', ''])
  t.deepEqual(observed(await run(pathToFileURL(path), options)), ['exit 0', 'args.wat\na\nb\n', ''])
  t.deepEqual(observed(await run(await readFile(path), options)), ['exit 0', 'program\na\nb\n', ''])
  t.deepEqual(observed(await run(path, { ...options, name: 'x' })), ['exit 0', 'x\na\nb\n', ''])
})

test('run compiles a program once', async (t) => {
  await using runtime = new Runtime({ threads: 1 })
  const bytes = await readFile(watPath('hello'))
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, () => run(bytes, { ...NO_CACHE, runtime })),
  )
  t.true(outcomes.every((outcome) => outcome.ok))
  t.is(runtime.stats().programs, 1)
})

test('run notices that a file has changed', async (t) => {
  const path = join(await folder(t), 'program.wat')
  for (const code of [3, 44, 555]) {
    await writeFile(path, exiting(code))
    t.is(ending(await run(path, NO_CACHE)), `exit ${code}`)
  }
})

test('run finds a file that was missing before', async (t) => {
  const path = join(await folder(t), 'program.wat')
  t.is((await refusal(run(path, NO_CACHE))).code, 'ERR_READ_FAILED')
  await writeFile(path, exiting(9))
  t.is(ending(await run(path, NO_CACHE)), 'exit 9')
})

test('run loads again what could not be loaded', async (t) => {
  const broken = Buffer.from('(module')
  for (let attempt = 0; attempt < 3; attempt += 1) {
    t.is((await refusal(run(broken, NO_CACHE))).code, 'ERR_INVALID_WASM')
  }
})

test('the bytes of a program may be changed once run has been called', async (t) => {
  const bytes = Uint8Array.from(exiting(1011))
  const first = run(bytes, NO_CACHE)
  bytes.set(exiting(1022))
  const second = run(bytes, NO_CACHE)
  bytes.fill(0)
  t.deepEqual([ending(await first), ending(await second)], ['exit 1011', 'exit 1022'])
  t.is(ending(await run(exiting(1011), NO_CACHE)), 'exit 1011')
})

test('the options of a run may be changed once run has been called', async (t) => {
  const options = { ...NO_CACHE, args: ['first'] }
  const first = run(watPath('args'), options)
  options.args[0] = 'second'
  const second = run(watPath('args'), options)
  options.args.length = 0
  t.is((await first).stdout.toString(), 'args.wat\nfirst\n')
  t.is((await second).stdout.toString(), 'args.wat\nsecond\n')
})

test('more programs than run keeps all run', async (t) => {
  const codes = Array.from({ length: 100 }, (_, index) => index)
  for (let round = 0; round < 2; round += 1) {
    const outcomes = await Promise.all(codes.map((code) => run(exiting(code), NO_CACHE)))
    t.deepEqual(
      outcomes.map(ending),
      codes.map((code) => `exit ${code}`),
    )
  }
})

test('run with a signal that is aborted already answers abort', async (t) => {
  const outcome = await run(watPath('loop'), { ...NO_CACHE, signal: AbortSignal.abort('why') })
  t.like(outcome, { kind: 'abort', reason: 'why' })
})

test('run takes the options of load and of a run, and no others', async (t) => {
  const limits = { fuel: 10 }
  t.is(ending(await run(watPath('loop'), { ...NO_CACHE, fuel: true, limits })), 'limit fuel')
  const bad = run(watPath('hello'), { ...NO_CACHE, timeoutMs: 5 } as object)
  t.regex((await refusal(bad)).message, /unknown option `timeoutMs`/)
})

test('a bad option is reported before anything is read', async (t) => {
  const error = await refusal(run('/does/not/exist', { args: [1] as unknown as string[] }))
  t.is(error.code, 'ERR_INVALID_OPTION')
})

test('a source that fails while the program is loaded is ERR_STREAM', async (t) => {
  const child = await node(`
    import { createReadStream } from 'node:fs'
    const stdin = createReadStream('/does/not/exist')
    const error = await run(watPath('cat'), { cache: false, stdin }).catch((error) => error)
    console.log(error.code)`)
  t.like(child, { code: 0, stdout: 'ERR_STREAM\n' }, child.stderr)
})

test('a source is closed when the program cannot be loaded', async (t) => {
  const stdin = Readable.from(['unread'])
  t.is((await refusal(run('/does/not/exist', { stdin }))).code, 'ERR_READ_FAILED')
  await setImmediate()
  t.true(stdin.destroyed)
})
