// What `serialize` answers, and `inspect`.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { load as loadHere, loadSync, run, Runtime as ThisRuntime } from '../../src/index.ts'
import { ending, folder, observed, ownWat, real, refusal, wat, watPath } from '../support/guest.ts'
import { load, Runtime } from '../support/package.ts'

const trusted = { trustPrecompiled: true, cache: false } as const

for (const name of ['hello', 'print-both', 'component-hello', 'trap-unreachable']) {
  test(`${name} runs from a file as it does from its source`, async (t) => {
    const program = await wat(name)
    const file = join(await folder(t), `${name}.cwasm`)
    await writeFile(file, await program.serialize())
    const loaded = await load(file, trusted)
    t.like(loaded, { name: `${name}.cwasm`, kind: program.kind, wasi: program.wasi })
    t.deepEqual(loaded.imports, program.imports)
    t.deepEqual(observed(await loaded.run()), observed(await program.run()))
    t.deepEqual(observed(loaded.runSync()), observed(await program.run()))
    t.deepEqual(observed(await run(file, trusted)), observed(await program.run()))
  })
}

test('a file is loaded from bytes, by loadSync and into a runtime of its own', async (t) => {
  const file = await (await wat('exit-argv')).serialize()
  t.true(Buffer.isBuffer(file))
  t.is(ending(await loadSync(file, trusted).run({ args: ['9'] })), 'exit 9')
  await using runtime = new Runtime({ threads: 1 })
  const program = await load(file, { ...trusted, runtime, name: 'mine' })
  t.is(program.name, 'mine')
  t.is(ending(await program.run({ args: ['9'] })), 'exit 9')
})

if (process.platform !== 'win32') {
  test('worker processes take it, too', async (t) => {
    const file = await (await wat('exit-argv')).serialize()
    await using runtime = new ThisRuntime({ workers: 'processes', threads: 2, cacheDir: false })
    const program = await loadHere(file, { ...trusted, runtime })
    const outcomes = await Promise.all(
      ['1', '2', '3', '4'].map((code) => program.run({ args: [code] })),
    )
    t.deepEqual(outcomes.map(ending), ['exit 1', 'exit 2', 'exit 3', 'exit 4'])
    t.is(ending(await program.run({ args: ['5'], limits: { fuel: 1_000_000 } })), 'exit 5')
    const again = await program.serialize()
    t.true(again.length >= file.length)
  })
}

test('without trust it is refused, with a message that says what it would mean', async (t) => {
  const file = await (await wat('hello')).serialize()
  for (const refused of [
    () => load(file),
    () => load(file, { trustPrecompiled: false }),
    () => run(file),
  ]) {
    const { code, message } = await refusal(refused())
    t.is(code, 'ERR_PRECOMPILED_UNTRUSTED')
    t.regex(message, /machine code.*trustPrecompiled: true/)
  }
  t.throws(() => loadSync(file), { code: 'ERR_PRECOMPILED_UNTRUSTED' })
  t.is((await refusal(load(file, { trustPrecompiled: 1 as never }))).code, 'ERR_INVALID_OPTION')
})

test('damaged files are refused, however they are damaged', async (t) => {
  const file = await (await wat('hello')).serialize()
  const damaged = [
    file.subarray(0, 100),
    file.subarray(0, -1),
    Buffer.concat([file, Buffer.alloc(1)]),
  ]
  for (let at = 20; at < file.length; at += Math.ceil(file.length / 20)) {
    const copy = Buffer.from(file)
    copy[at]! ^= 1
    damaged.push(copy)
  }
  for (const bytes of damaged) {
    t.is((await refusal(load(bytes, trusted))).code, 'ERR_PRECOMPILED_DAMAGED')
  }
})

test('it is as interruptible as it was compiled', async (t) => {
  const program = await ownWat('hello', { interruptible: false })
  const file = await program.serialize()
  const loaded = await load(file, trusted)
  t.is(ending(await loaded.run()), 'exit 0')
  t.false((await loaded.inspect()).interruptible)
  const limited = await refusal(loaded.run({ limits: { timeoutMs: 1000 } }))
  t.is(limited.code, 'ERR_INVALID_OPTION')
  const other = await (await wat('hello')).serialize()
  const refused = await refusal(load(other, { ...trusted, interruptible: false }))
  t.is(refused.code, 'ERR_PRECOMPILED_INCOMPATIBLE')
})

test('a program that was disposed of or a runtime that was closed answers nothing more', async (t) => {
  const program = await ownWat('hello')
  program[Symbol.dispose]()
  t.is((await refusal(program.serialize())).code, 'ERR_PROGRAM_CLOSED')
  t.is((await refusal(program.inspect())).code, 'ERR_PROGRAM_CLOSED')
  const runtime = new Runtime()
  const other = await ownWat('hello', { runtime })
  await runtime.close()
  t.is((await refusal(other.serialize())).code, 'ERR_RUNTIME_CLOSED')
  t.is((await refusal(other.inspect())).code, 'ERR_RUNTIME_CLOSED')
})

test('what was asked is answered though the program is disposed of at once', async (t) => {
  for (let round = 0; round < 50; round++) {
    const program = await ownWat('hello')
    const answers = [program.inspect(), program.serialize()] as const
    program[Symbol.dispose]()
    const [{ entry }, file] = await Promise.all(answers)
    t.is(entry, 'command')
    t.true(file.length > 0)
  }
})

test('an inspection has types, memories and producers', async (t) => {
  const crash = await real('crash')
  const inspection = await crash.inspect()
  t.like(inspection, { entry: 'command', interruptible: true, problem: null })
  t.is(
    inspection.wasmBytes,
    (await readFile(join(import.meta.dirname, '../../guests/.unpacked/crash.wasm'))).length,
  )
  t.deepEqual(inspection.imports, [
    {
      module: 'wasi_snapshot_preview1',
      name: 'fd_write',
      kind: 'function',
      type: '(i32, i32, i32, i32) -> i32',
      provided: true,
    },
  ])
  t.deepEqual(inspection.memories, [
    {
      minimumPages: 257,
      maximumPages: null,
      pageBytes: 65_536,
      is64: false,
      shared: false,
      imported: false,
    },
  ])
  t.is(inspection.producers['processed-by']?.[0]?.name, 'clang')
})

test('an inspection says why a program cannot run', async (t) => {
  const program = await wat('unresolved-import')
  const { imports, problem } = await program.inspect()
  t.deepEqual(
    imports.filter(({ provided }) => !provided).map(({ name }) => name),
    ['foo', 'bar'],
  )
  const { code, message } = await refusal(program.run())
  t.deepEqual(problem, { code: code as never, message })
  t.like(await (await ownWat('reactor')).inspect(), {
    entry: 'reactor',
    problem: { code: 'ERR_NO_ENTRY_POINT' },
  })
  t.is((await load(watPath('no-start'), { cache: false }).then((no) => no.inspect())).entry, 'none')
})
